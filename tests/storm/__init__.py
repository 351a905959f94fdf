"""The whole daemon in virtual time: virtual meters, a model broker, a disk that fails."""
