"""xDLMS: the APDUs that negotiate a context, read attributes and tell of errors, in A-XDR."""
