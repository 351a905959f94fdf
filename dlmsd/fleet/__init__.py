"""All meters: what runs them together, and where their statuses are seen."""
