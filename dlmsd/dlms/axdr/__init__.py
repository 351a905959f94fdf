"""A-XDR (IEC 61334-6): how DLMS writes data down."""
