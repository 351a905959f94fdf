"""One request and all that answers it, by service."""
