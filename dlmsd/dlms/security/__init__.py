"""Ciphering, authentication and their keys (IEC 62056-5-3 clause 5), without I/O."""
