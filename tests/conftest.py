"""Settings for every test."""

from __future__ import annotations

from hypothesis import settings

# The same examples at every run, so that a red build can be repeated; no deadline, since timings
# belong in benchmarks.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")
