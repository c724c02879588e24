"""What a run affords, and in which order.

Hypothesis profiles say how many examples: choose one with BWX_HYPOTHESIS_PROFILE. Tests that take minutes begin first,
so that no process is left alone with them in the end. What a test served goes when the test is over. Numba looks here
at each call of a kernel that it looks at once elsewhere.
"""

import os

import pytest
from aiohttp import web_app
from hypothesis import HealthCheck, settings

import kernels.compile

kernels.compile.CHECKED = True
SLOW_IS_FINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("default", max_examples=15, derandomize=True, **SLOW_IS_FINE)
settings.register_profile("reduced", max_examples=8, derandomize=True, **SLOW_IS_FINE)
settings.register_profile("thorough", max_examples=1_000, print_blob=True, **SLOW_IS_FINE)
settings.load_profile(os.environ.get("BWX_HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long ones first."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Let go of what a test served: aiohttp keeps the handlers of the last thousand, and with each a whole exchange."""
    web_app._cached_build_middleware.cache_clear()
