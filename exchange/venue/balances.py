"""Whether the books add up: nothing is made and nothing is lost, to the nano-USD.

All cash, escrow, bonds and stakes, the insurance fund and what the exchange has earned are what was deposited and
neither withdrawn nor burned. Over all accounts the lots of an instrument add up to zero, and so do their costs, or what
settling brings would come from nowhere.
"""

from collections.abc import Mapping

import numpy as np

HELD = ("fees_nano", "fund_nano", "escrow_nano", "bonds_nano", "stakes_nano")
"""What the exchange holds beside the cash of accounts."""


def find_imbalance(image: Mapping[str, np.ndarray]) -> str:
    """What does not add up in an image of the venue's state; '' if everything does."""
    summary = image["summary"][0]
    held_nano = int(image["accounts"]["cash_nano"].sum()) + sum(int(summary[name]) for name in HELD)
    owed_nano = int(summary["deposits_nano"]) - int(summary["withdrawals_nano"]) - int(summary["burned_nano"])
    if held_nano != owed_nano:
        return f"all that is held comes to {held_nano} nano-USD, deposits less withdrawals and burned to {owed_nano}"
    positions = image["positions"]
    for name in ("lots", "cost_nano"):
        instrument_ids, sums = _sums(positions["instrument_id"], positions[name])
        if sums.any():
            at = int(sums.argmax() if sums.max() > 0 else sums.argmin())
            return f"the {name} of instrument {instrument_ids[at]} come to {sums[at]}, not to 0"
    return ""


def _sums(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each key, and the sum of its values, in integers throughout."""
    unique, places = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(unique), np.int64)
    np.add.at(sums, places, values)
    return unique, sums
