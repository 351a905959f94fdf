"""A disk that other programs fill up and free again, under an outbox that goes on."""
