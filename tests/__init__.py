"""Everything that dlmsd promises, tried."""

import os

from hypothesis import HealthCheck, settings

# No test is timed. Where CI is set its examples are the same at every run, so that a change
# is blamed only for what it changes; at a desk they are new ones each time.
settings.register_profile(
    "dlmsd",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile("dlmsd")

# What commands say is compared with their English, whatever is spoken at this desk.
os.environ["LC_ALL"] = "C.UTF-8"
