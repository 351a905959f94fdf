"""Meters, online: the machines of dlms given a connection, a clock and a plan."""
