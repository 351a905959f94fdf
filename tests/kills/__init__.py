"""``kill -9`` of the real daemon, between real meters on the network and a real broker."""
