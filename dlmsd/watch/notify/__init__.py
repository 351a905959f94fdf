"""Notices: who hears of which alarm, when, and how it gets there."""
