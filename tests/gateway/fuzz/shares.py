"""How many inputs there are in all, and with which seed.

`BWX_SIM_FUZZ` inputs are shared out among the tests of this folder; `BWX_SIM_FUZZ_SEED` chooses other ones.
"""

import os

INPUTS = int(os.environ.get("BWX_SIM_FUZZ", "6000"))
SEED = int(os.environ.get("BWX_SIM_FUZZ_SEED", "1"))


def inputs(share: float) -> int:
    """The inputs of a test that makes such a share of them."""
    return int(INPUTS * share)
