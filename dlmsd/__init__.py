"""Reads electricity meters over DLMS/COSEM and loses no reading on the way to MQTT."""

__version__ = "0.1.0"
