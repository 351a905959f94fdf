"""REST against its own description: requests that fit it and such that do not, by every role."""
