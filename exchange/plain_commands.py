"""Commands that say no more than most do, as bytes: for whoever makes very many, and joins them."""

import hashlib
import struct

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


def plain_place(
    account_id: int,
    instrument_id: int,
    side: int,
    price_ticks: int,
    quantity_lots: int,
    time_in_force: int,
    session_id: int,
    client_id: str,
) -> bytes:
    """The records of a new order that says no more than this: those of `commands.place`."""
    terms = side, time_in_force, instrument_id, account_id, price_ticks, quantity_lots, 0
    if not client_id:
        return _ORDER.pack(_PLACE, 0, *terms, 0, 0, 0, 0, session_id, 0, _CANCEL_NEWEST)
    text = client_id.encode()
    key = hashlib.blake2b(text, digest_size=16).digest()
    said = _CONTINUATION, 0, len(text), 0, text
    return _NAMED_ORDER.pack(_PLACE, 1, *terms, key, 0, 0, session_id, 0, _CANCEL_NEWEST, *said)
