"""Plain orders one at a time: what is read quickly is what is read with care, and becomes records of a new order."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.plain_commands import plain_place
from gateway.encoding.json_text import decode_object
from gateway.errors import ApiError
from gateway.orders.plain_terms import read_plain
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, SelfTrade

client_ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=36)
flat_objects = st.dictionaries(
    st.sampled_from(["id", "op", "price", "client_id", "symbol"]) | st.text(max_size=3),
    st.integers(-(10**25), 10**25) | st.text(max_size=8) | st.booleans() | st.none(),
    max_size=6,
)


@given(
    st.tuples(
        st.integers(1, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.integers(0, 1),
        st.integers(1, PRICE_TICKS_MAX),
        st.integers(1, QUANTITY_LOTS_MAX),
        st.integers(0, 3),
        st.integers(0, 2**16 - 1),
    ),
    st.none() | client_ids,
)
def test_the_records_are_those_of_a_new_order(terms, client_id):
    account_id, instrument_id, side, price_ticks, quantity_lots, time_in_force, session_id = terms
    group = commands.place(
        *(account_id, instrument_id, side, price_ticks, quantity_lots),
        client_id=client_id or "",
        time_in_force=time_in_force,
        self_trade=SelfTrade.CANCEL_NEWEST,
        session_id=session_id,
    )
    assert plain_place(terms, client_id) == group.tobytes()


def read_with_care(payload):
    try:
        return decode_object(payload)
    except ApiError:
        return None


@given(flat_objects, st.sampled_from(["", " ", "\n"]), st.booleans())
def test_what_is_read_quickly_is_what_is_read_with_care(fields, space, is_doubled):
    text = "{" + ",".join(f"{space}{orjson.dumps(str(k)).decode()}{space}:{value_text(v)}" for k, v in fields.items())
    if is_doubled and fields:
        text += f',"{next(iter(fields))}":1'
    payload = (text + "}").encode()
    found = read_plain(payload)
    if found is not None and not any(isinstance(value, float) for value in found.values()):
        assert found == read_with_care(payload)


def value_text(value):
    return str(value) if type(value) is int else orjson.dumps(value).decode()


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_bytes_that_are_no_object_are_left_to_the_general_road(payload):
    found = read_plain(payload)
    assert found is None or found == read_with_care(payload)


@pytest.mark.parametrize(
    "payload",
    [b'{"a":1,"a":2}', b'{"a" :1,"a" :2}', b'{"a":{"b":1}}', b"[1]", b'{"a":"x:y"}', b'{"a":1}' + b" " * 512, b"{"],
)
def test_what_could_mean_two_things_or_is_long_is_left_to_the_general_road(payload):
    assert read_plain(payload) is None
