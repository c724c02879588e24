"""The logical state of clearing, as tables of an image: no pool slots, no chains."""

from collections.abc import Mapping

import numpy as np

from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.schema import ALLOCATION, DELIVERY, PROVIDER, TERMS
from exchange.venue.clearing.state import Clearing
from kernels.compile import kernel
from kernels.records import names_of, record

PROVIDER_ROW = record(("account_id", "u8"), *((name, "i8") for name in names_of(PROVIDER)))

LAYOUTS: dict[str, np.dtype] = {
    "delivery_terms": TERMS,
    "deliveries": DELIVERY,
    "providers": PROVIDER_ROW,
    "allocations": ALLOCATION,
}


def take_clearing(
    clearing: Clearing, series_count: int, live: np.ndarray, provider_ids: np.ndarray
) -> dict[str, np.ndarray]:
    """The tables of clearing. `live` says which slots have a tranche."""
    deliveries = clearing.deliveries[live]
    deliveries["first_allocation"] = deliveries["last_allocation"] = 0
    allocations = clearing.allocations[clearing.allocations["state"] != AllocationState.NONE]
    allocations["next"] = 0
    providers = np.zeros(len(provider_ids), PROVIDER_ROW)
    providers["account_id"] = provider_ids
    for name in names_of(PROVIDER):
        providers[name] = clearing.providers[name][provider_ids]
    return {
        "delivery_terms": clearing.delivery_terms[1 : series_count + 1].copy(),
        "deliveries": deliveries,
        "providers": providers,
        "allocations": allocations[np.argsort(allocations["allocation_id"], kind="stable")],
    }


def restore_clearing(clearing: Clearing, image: Mapping[str, np.ndarray], slots: np.ndarray) -> None:
    """Put the tables back; `slots` is where the image's tranches stand."""
    clearing.delivery_terms[1 : len(image["delivery_terms"]) + 1] = image["delivery_terms"]
    if len(image["deliveries"]):
        clearing.deliveries[slots] = image["deliveries"]
    rows = image["providers"]
    ids = rows["account_id"].astype(np.int64)
    for name in names_of(PROVIDER):
        clearing.providers[name][ids] = rows[name]
    allocations = image["allocations"]
    places = (allocations["allocation_id"] & np.uint64(len(clearing.allocations) - 1)).astype(np.int64)
    clearing.allocations[places] = allocations
    chain_allocations(clearing, places)


@kernel
def chain_allocations(clearing, places):
    """Chain the allocations of each tranche again, in the order of ids."""
    for at in range(len(places)):
        allocation = clearing.allocations[places[at]]
        slot = np.int64(allocation["instrument_id"]) & np.int64(len(clearing.deliveries) - 1)
        delivery = clearing.deliveries[slot]
        if delivery["first_allocation"] == 0:
            delivery["first_allocation"] = places[at]
        else:
            clearing.allocations[delivery["last_allocation"]]["next"] = places[at]
        delivery["last_allocation"] = places[at]
