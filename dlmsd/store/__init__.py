"""What survives a power cut: SQLite files, each with one thread that writes."""
