"""A stand-in of a ThingsBoard server, as ``sheet.md`` beside this file describes one.

In memory and in virtual time, or on real ports: ``python -m tests.thingsboard``.
"""
