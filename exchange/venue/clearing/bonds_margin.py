"""The multiplier of a provider's bonds."""

from kernels.compile import inlined


@inlined
def set_multiplier(state, account_id, multiplier_ppm):
    """Ask another multiple of what failing would cost for the bonds of a provider from now on."""
    state.clearing.providers[account_id]["multiplier_ppm"] = multiplier_ppm
