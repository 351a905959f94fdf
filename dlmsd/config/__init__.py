"""From TOML to frozen values; every error names file, line and key."""
