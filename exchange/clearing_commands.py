"""Building the commands of clearing: capacity, terms of delivery."""

import numpy as np

from exchange.commands import client_key
from exchange.packing import pack_group, packer_of
from exchange.venue.schema import ACCOUNT_COMMAND, CAPACITY_COMMAND, TERMS_COMMAND, Command

_ACCOUNT = packer_of(ACCOUNT_COMMAND)
_CAPACITY = packer_of(CAPACITY_COMMAND)
_TERMS = packer_of(TERMS_COMMAND)


def post_stake(account_id: int, amount_nano: int, *, client_id: str = "") -> np.ndarray:
    """So much of an account's free cash becomes stake."""
    return _stake(Command.POST_STAKE, account_id, amount_nano, client_id)


def withdraw_stake(account_id: int, amount_nano: int, *, client_id: str = "") -> np.ndarray:
    """So much of a stake becomes cash again."""
    return _stake(Command.WITHDRAW_STAKE, account_id, amount_nano, client_id)


def register_capacity(
    account_id: int,
    region_id: int,
    tier: int,
    lots: int,
    first_ns: int,
    end_ns: int,
    *,
    daily_from_s: int = 0,
    daily_length_s: int = 0,
    weekdays: int = 0,
    endpoint: str = "",
    client_id: str = "",
) -> np.ndarray:
    """An account can deliver so much in a region from one instant to another, and at which endpoint.

    With a daily span and a mask of weekdays, Monday in the lowest bit, only then.
    """
    high, low = client_key(client_id)
    place = (tier, weekdays, region_id, account_id, 0, lots, daily_from_s, daily_length_s)
    return pack_group(
        lambda continuations: _CAPACITY.pack(
            Command.REGISTER_CAPACITY, continuations, *place, high, low, first_ns, end_ns
        ),
        endpoint,
    )


def withdraw_capacity(account_id: int, capacity_id: int, *, client_id: str = "") -> np.ndarray:
    """A capacity is no longer there."""
    high, low = client_key(client_id)
    return pack_group(
        lambda _: _CAPACITY.pack(
            Command.WITHDRAW_CAPACITY, 0, 0, 0, 0, account_id, capacity_id, 0, 0, 0, high, low, 0, 0
        )
    )


def set_delivery_terms(
    series_id: int,
    slot_s: int,
    *,
    latency_max_us: int = 0,
    loss_max_ppm: int = 0,
    shortfall_fee_ppm: int = 0,
    clearing_fee_ppm: int = 0,
    burn_ppm: int = 0,
    penalty_ppm: int = 0,
    interruption_ppm: int = 0,
    grace_s: int = 0,
    dispute_s: int = 0,
) -> np.ndarray:
    """How windows of a series that are listed from now on are delivered; `slot_s` of 0 settles them in cash."""
    terms = (
        *(slot_s, latency_max_us, loss_max_ppm, shortfall_fee_ppm, clearing_fee_ppm),
        *(burn_ppm, penalty_ppm, interruption_ppm, grace_s, dispute_s),
    )
    return pack_group(lambda _: _TERMS.pack(Command.SET_DELIVERY_TERMS, 0, 0, series_id, *terms, 0, 0))


def _stake(kind: int, account_id: int, amount_nano: int, client_id: str) -> np.ndarray:
    high, low = client_key(client_id)
    return pack_group(lambda _: _ACCOUNT.pack(kind, 0, 0, 0, account_id, 0, amount_nano, 0, high, low, 0, 0))
