"""Seeded bugs: each must be caught by a proof or a test, or that proof shows nothing."""
