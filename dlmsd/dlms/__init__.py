"""DLMS/COSEM without I/O: bytes in, events out.

Nothing in here knows sockets, clocks, Deferreds or threads. "Need more" is a value; an
exception means that somebody broke the protocol, and its class says who.
"""
