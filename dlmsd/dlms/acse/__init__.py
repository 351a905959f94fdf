"""ACSE: the four APDUs that open and close an application association, in BER."""
