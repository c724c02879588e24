"""The logical state of clearing, as tables of an image: no pool slots, no chains."""

from collections.abc import Mapping

import numpy as np

from exchange.venue.clearing.delivery_schema import KEY_WORDS, REPORT
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.reports import restore_reports
from exchange.venue.clearing.schema import ALLOCATION, DELIVERY, PROVIDER, TERMS
from exchange.venue.clearing.state import Clearing
from kernels.compile import kernel
from kernels.records import names_of, record

PROVIDER_ROW = record(("account_id", "u8"), *((name, "i8") for name in names_of(PROVIDER)))

REPORTER_ROW = record(("account_id", "u8"), *((f"key_{word}", "i4") for word in range(KEY_WORDS)))

LAYOUTS: dict[str, np.dtype] = {
    "delivery_terms": TERMS,
    "deliveries": DELIVERY,
    "providers": PROVIDER_ROW,
    "allocations": ALLOCATION,
    "reporters": REPORTER_ROW,
    "reports": REPORT,
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
        "reporters": _reporters(clearing),
        "reports": _reports(clearing),
    }


def _reporters(clearing: Clearing) -> np.ndarray:
    """Of accounts that report, in the order of ids."""
    keys = clearing.reporter_keys.reshape(-1, KEY_WORDS)
    ids = np.flatnonzero(keys.any(axis=1))
    rows = np.zeros(len(ids), REPORTER_ROW)
    rows["account_id"] = ids
    for word in range(KEY_WORDS):
        rows[f"key_{word}"] = keys[ids, word]
    return rows


def _reports(clearing: Clearing) -> np.ndarray:
    """By allocation, slot and reporter, without their chains."""
    reports = clearing.reports[1 : int(clearing.desk[0]["fresh_report"])]
    rows = reports[reports["allocation_id"] != 0]
    rows["next"] = 0
    return rows[np.lexsort((rows["reporter_id"], rows["slot"], rows["allocation_id"]))]


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
    reporters = image["reporters"]
    keys = clearing.reporter_keys.reshape(-1, KEY_WORDS)
    for word in range(KEY_WORDS):
        keys[reporters["account_id"].astype(np.int64), word] = reporters[f"key_{word}"]
    restore_reports(clearing, image["reports"])


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
