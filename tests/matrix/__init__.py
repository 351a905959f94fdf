"""The fault matrix: every fault in every state of a session, in virtual time."""
