"""HDLC as DLMS uses it (IEC 62056-46): frames with a length, no byte stuffing."""
