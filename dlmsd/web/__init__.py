"""The status page and what it reads: /api/status, /api/live, /livez, /readyz."""
