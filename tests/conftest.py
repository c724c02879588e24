"""Hypothesis profiles: how many examples a run affords. Choose one with BWX_HYPOTHESIS_PROFILE."""

import os

from hypothesis import HealthCheck, settings

SLOW_IS_FINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("default", max_examples=80, derandomize=True, **SLOW_IS_FINE)
settings.register_profile("reduced", max_examples=20, derandomize=True, **SLOW_IS_FINE)
settings.register_profile("thorough", max_examples=1_000, print_blob=True, **SLOW_IS_FINE)
settings.load_profile(os.environ.get("BWX_HYPOTHESIS_PROFILE", "default"))
