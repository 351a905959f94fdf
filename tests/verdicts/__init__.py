"""Does a sink tell rightly why its broker closes? Seeded episodes in virtual time."""
