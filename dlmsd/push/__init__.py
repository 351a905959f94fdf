"""What meters send unasked, from octets to committed readings."""
