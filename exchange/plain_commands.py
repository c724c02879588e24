"""Commands that say no more than most do, as bytes: for whoever makes very many, and joins them."""

import struct
from hashlib import blake2b

from exchange.packing import packer_of
from exchange.venue.schema import CLIENT_ID_LENGTH_MAX, TEXT_BYTES_MAX, Command
from matching.schema import ORDER_COMMAND, SelfTrade

_ORDER = packer_of(ORDER_COMMAND)
_NAMED_ORDER = struct.Struct("<4B2IiqQ16sqIH2B" + "4B60s")
"""An order, and its client id in one record behind it; the digest of the id is two numbers in the layout."""
assert _NAMED_ORDER.size == 2 * ORDER_COMMAND.itemsize
assert CLIENT_ID_LENGTH_MAX <= TEXT_BYTES_MAX
_PLACE = int(Command.PLACE)
_CONTINUATION = int(Command.CONTINUATION)
_CANCEL_NEWEST = int(SelfTrade.CANCEL_NEWEST)


Terms = tuple[int, int, int, int, int, int, int]
"""Account, instrument, side, price in ticks, quantity in lots, time in force, session."""


def plain_place(terms: Terms, client_id: str | None) -> bytes:
    """The records of a new order that says no more than this: those of `commands.place`."""
    account_id, instrument_id, side, price_ticks, quantity_lots, time_in_force, session_id = terms
    if client_id is None:
        return _ORDER.pack(
            *(_PLACE, 0, side, time_in_force, instrument_id, account_id, price_ticks, quantity_lots),
            *(0, 0, 0, 0, 0, session_id, 0, _CANCEL_NEWEST),
        )
    text = client_id.encode()
    key = blake2b(text, digest_size=16).digest()
    return _NAMED_ORDER.pack(
        *(_PLACE, 1, side, time_in_force, instrument_id, account_id, price_ticks, quantity_lots),
        *(0, key, 0, 0, session_id, 0, _CANCEL_NEWEST),
        *(_CONTINUATION, 0, len(text), 0, text),
    )
