"""The COSEM model: OBIS codes, units, interface classes, names of measurements."""
