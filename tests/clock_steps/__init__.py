"""Steps of the host's wall clock: they move no timer, and no timestamp serves twice."""
