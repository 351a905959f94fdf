"""What octets mean, as trees of lines for people: frames, APDUs, Data.

Nothing here fails: what does not decode is described as that. Passwords and keys are
stars.
"""
