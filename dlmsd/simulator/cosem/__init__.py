"""The COSEM objects of virtual meters, a file for each kind (Blue Book clause 4)."""
