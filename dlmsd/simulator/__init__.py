"""Virtual meters: a DLMS server over the codecs that the daemon reads real ones with."""
