"""The logical state of capacity, as tables of an image. What is sold in each slot follows from the rest."""

from collections.abc import Mapping

import numpy as np

from exchange.venue.clearing.capacity_schema import CAPACITY, SLOT_NS
from exchange.venue.clearing.state import Clearing
from exchange.venue.state import State
from kernels.compile import kernel
from kernels.records import record

HOLDING_ROW = record(("account_id", "u4"), ("region_id", "u4"))

LAYOUTS: dict[str, np.dtype] = {"capacities": CAPACITY, "holdings": HOLDING_ROW}


def take_capacity(clearing: Clearing) -> dict[str, np.ndarray]:
    """The capacities in the order of ids, and where providers are, by account and region."""
    capacities = clearing.capacities[clearing.capacities["capacity_id"] != 0]
    capacities["next"] = 0
    holdings = clearing.holdings[clearing.holdings["account_id"] != 0]
    rows = np.zeros(len(holdings), HOLDING_ROW)
    rows["account_id"], rows["region_id"] = holdings["account_id"], holdings["region_id"]
    return {
        "capacities": capacities[np.argsort(capacities["capacity_id"], kind="stable")],
        "holdings": rows[np.lexsort((rows["region_id"], rows["account_id"]))],
    }


def restore_capacity(state: State, image: Mapping[str, np.ndarray]) -> None:
    """Put the tables back, and forget what bonds came to: positions and orders will tell again."""
    clearing, capacities, rows = state.clearing, image["capacities"], image["holdings"]
    clearing.capacities[capacities["capacity_id"] & np.uint32(len(clearing.capacities) - 1)] = capacities
    holdings = clearing.holdings[1 : len(rows) + 1]
    holdings["account_id"], holdings["region_id"] = rows["account_id"], rows["region_id"]
    holdings["first_slot"] = int(state.clock[0]["time_ns"]) // SLOT_NS
    clearing.providers["bond_base_nano"] = 0
    clearing.providers["bond_margin_nano"] = 0
    chain_capacity(clearing)


@kernel
def chain_capacity(clearing):
    """Chain capacities and holdings to their accounts again."""
    for place in range(1, len(clearing.capacities)):
        capacity = clearing.capacities[place]
        if capacity["capacity_id"] != 0:
            capacity["next"] = clearing.sellers[capacity["account_id"]]["first_capacity"]
            clearing.sellers[capacity["account_id"]]["first_capacity"] = place
    for place in range(1, len(clearing.holdings)):
        holding = clearing.holdings[place]
        if holding["account_id"] != 0:
            holding["next"] = clearing.sellers[holding["account_id"]]["first_holding"]
            clearing.sellers[holding["account_id"]]["first_holding"] = place
