"""From a history to findings: pure functions, each file one subject."""
