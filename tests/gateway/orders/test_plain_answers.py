"""Answers to blocks of plain orders."""

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from exchange.service import Reply
from exchange.units import format_ticks
from gateway.encoding.fields import time_text
from gateway.orders.plain_answers import BlockReply, quoted
from matching.schema import ORDER_EVENT, PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, EventKind

TIME_NS = 1_795_000_000_123_456_789
client_ids = st.none() | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=36)


def block_of(*orders: tuple[int, list[EventKind]]) -> BlockReply:
    """A block that begins at sequence 10: of each order its place, and the kinds of its events."""
    kinds = [(10 + place, kind) for place, of_order in orders for kind in of_order]
    events = np.zeros(len(kinds), ORDER_EVENT)
    events["sequence"], events["kind"] = [sequence for sequence, _ in kinds], [int(kind) for _, kind in kinds]
    events["order_id"], events["price_ticks"], events["leaves_lots"] = 77, 40_000, 5
    return BlockReply(Reply(10, TIME_NS, events))


def test_each_order_has_its_events_and_one_without_any_has_none():
    block = block_of((0, [EventKind.RESTED]), (2, [EventKind.TRADE, EventKind.TRADE, EventKind.FILLED]))
    bounds = [block.take(place) for place in (0, 1, 2)]
    assert bounds == [(0, 1), (1, 1), (1, 4)]
    assert [block.is_rested(*each) for each in bounds] == [True, False, False]
    part = block.part(2, *bounds[2])
    assert (part.sequence, part.time_ns, part.events["kind"].tolist()) == (12, TIME_NS, [8, 8, 2])


@given(client_ids, st.integers(1, PRICE_TICKS_MAX), st.integers(1, QUANTITY_LOTS_MAX))
def test_the_text_of_an_order_that_rests_is_json_of_what_it_says(client_id, price_ticks, lots):
    events = np.zeros(1, ORDER_EVENT)
    events["sequence"], events["kind"], events["order_id"] = 10, int(EventKind.RESTED), 77
    events["price_ticks"], events["leaves_lots"] = price_ticks, lots
    block = BlockReply(Reply(10, TIME_NS, events))
    fields = {"symbol": "eu-fra.ef.20261122T1400Z.PT1H", "side": "sell", "client_id": client_id}
    told = orjson.loads(block.rested_text(fields, block.take(0)[0]))
    assert told == {
        **fields,
        "sequence": 10,
        "time": time_text(TIME_NS),
        "time_ns": TIME_NS,
        "order_id": 77,
        "status": "open",
        "reason": None,
        "price": format_ticks(price_ticks),
        "quantity": str(lots),
        "remaining_quantity": str(lots),
        "filled_quantity": "0",
        "average_price": None,
        "trades": [],
    }


@given(client_ids.filter(bool))
def test_a_client_id_is_quoted_as_json(client_id):
    assert orjson.loads(quoted(client_id)) == client_id
