import time

import numpy as np
import pytest

from exchange import commands
from exchange.view import MarketView
from gateway.encoding.codec import cancel_command, place_command, replace_command
from gateway.encoding.fields import time_text
from gateway.encoding.json_text import decode_object
from gateway.encoding.requests import (
    CancelTerms,
    HaltRequest,
    InstrumentsQuery,
    MoneyRequest,
    PlaceRequest,
    ReplaceTerms,
    RequestHead,
    Target,
    parse,
)
from gateway.errors import ApiError
from matching.schema import CHANGE_COMMAND, ChangeFlag, OrderFlag, SelfTrade, Side, TimeInForce

SYMBOL = "eu-fra.ef.20261122T1400Z.PT1H"
ORDER = {"symbol": SYMBOL, "side": "buy", "price": "0.040500", "quantity": "12"}
ACCOUNT_ID = 7
INSTRUMENT_ID = 3


@pytest.fixture
def view():
    market = MarketView()
    market.tranche_by_symbol[SYMBOL] = INSTRUMENT_ID
    return market


def refusal_of(call, *arguments):
    with pytest.raises(ApiError) as caught:
        call(*arguments)
    return caught.value.code, caught.value.param


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"a": 1} {"a": 1}', "malformed_json"),
        (b"{'a': 1}", "malformed_json"),
        (b'{"a": 01}', "malformed_json"),
        (b'{"a": "\xff"}', "malformed_json"),
        (b'\xef\xbb\xbf{"a": 1}', "malformed_json"),
        (b'{"a": "\\ud800"}', "malformed_json"),
        (b'{"a": NaN}', "malformed_json"),
        (b'{"a": Infinity}', "malformed_json"),
        (b'{"a": -Infinity}', "malformed_json"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "malformed_json"),
        (b'{"a": ' * 50_000, "malformed_json"),
        (b"[" * 50_000, "malformed_json"),
        (b'[{"a": 1}]', "not_an_object"),
        (b'"a"', "not_an_object"),
        (b"1", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"a": 1, "b": 2, "a": 1}', "duplicate_key"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate_key"),
        (b'{"b": {"a": 1, "a": 2}}', "duplicate_key"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_not_one_plain_json_object_is_refused_by_name(payload, code):
    assert refusal_of(decode_object, payload)[0] == code


def test_a_key_that_comes_twice_is_named():
    assert refusal_of(decode_object, b'{"price": "1", "price": "2"}') == ("duplicate_key", "price")


def test_long_texts_and_many_names_are_read_in_one_go():
    started_s = time.thread_time()
    assert refusal_of(parse, PlaceRequest, ORDER | {"price": "9" * 60_000})[0] == "price_out_of_range"
    names = ",".join(f'"{at}":0' for at in range(20_000))
    assert refusal_of(decode_object, f'{{{names},"x":0,"x":0}}'.encode()) == ("duplicate_key", "x")
    assert time.thread_time() - started_s < 1


def test_a_name_that_no_answer_could_quote_is_refused_before_it_is_counted():
    assert refusal_of(decode_object, rb'{"\ud800": 1, "\ud800": 2}')[0] == "malformed_json"


def test_a_json_object_is_read_as_it_stands():
    assert decode_object(b'{"a": "\\u00e9\\ud83d\\ude00", "b": [1, -2.5, null, true]}') == {
        "a": "é😀",
        "b": [1, -2.5, None, True],
    }


BAD_PRICES = [
    (0.0405, "number_not_string"),
    (1, "number_not_string"),
    (1e300, "number_not_string"),
    (True, "wrong_type"),
    (["0.04"], "wrong_type"),
    ({}, "wrong_type"),
    ("", "malformed_decimal"),
    (" 0.04", "malformed_decimal"),
    ("0.04\n", "malformed_decimal"),
    ("+0.04", "malformed_decimal"),
    ("00.04", "malformed_decimal"),
    (".04", "malformed_decimal"),
    ("1.", "malformed_decimal"),
    ("0,04", "malformed_decimal"),
    ("1_0", "malformed_decimal"),
    ("0x10", "malformed_decimal"),
    ("٣", "malformed_decimal"),
    ("NaN", "malformed_decimal"),
    ("sNaN", "malformed_decimal"),
    ("Infinity", "malformed_decimal"),
    ("-inf", "malformed_decimal"),
    ("4e-2", "scientific_notation"),
    ("1E999999999", "scientific_notation"),
    ("-1.5e3", "scientific_notation"),
    ("0.0400001", "too_many_decimals"),
    ("0." + "0" * 60 + "1", "too_many_decimals"),
    ("0", "price_out_of_range"),
    ("0.000000", "price_out_of_range"),
    ("-0.04", "price_out_of_range"),
    ("-0", "price_out_of_range"),
    ("1073.741824", "price_out_of_range"),
    ("9" * 30, "price_out_of_range"),
    ("9" * 10_000, "price_out_of_range"),
]


@pytest.mark.parametrize(("price", "code"), BAD_PRICES, ids=lambda value: repr(value)[:24])
def test_a_price_that_cannot_be_taken_is_refused_by_name(price, code):
    assert refusal_of(parse, PlaceRequest, ORDER | {"price": price}) == (code, "price")


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        (12, "number_not_string"),
        (12.0, "number_not_string"),
        (False, "wrong_type"),
        (None, "wrong_type"),
        ("1.5", "too_many_decimals"),
        ("1e3", "scientific_notation"),
        ("twelve", "malformed_decimal"),
        ("0", "quantity_out_of_range"),
        ("-12", "quantity_out_of_range"),
        (str((1 << 40) + 1), "quantity_out_of_range"),
        ("9" * 100, "quantity_out_of_range"),
    ],
    ids=repr,
)
def test_a_quantity_that_cannot_be_taken_is_refused_by_name(quantity, code):
    assert refusal_of(parse, PlaceRequest, ORDER | {"quantity": quantity}) == (code, "quantity")


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (100, "number_not_string"),
        ("0", "amount_out_of_range"),
        ("-5", "amount_out_of_range"),
        ("0.0000000001", "too_many_decimals"),
        ("1152921504.606846977", "amount_out_of_range"),
        ("1e9", "scientific_notation"),
    ],
    ids=repr,
)
def test_an_amount_that_cannot_be_taken_is_refused_by_name(amount, code):
    assert refusal_of(parse, MoneyRequest, {"account": "alice", "amount": amount}) == (code, "amount")


@pytest.mark.parametrize(
    ("model", "fields", "code", "param"),
    [
        (PlaceRequest, {**ORDER, "colour": "red"}, "unknown_field", "colour"),
        (PlaceRequest, {**ORDER, "order_id": 5}, "unknown_field", "order_id"),
        (PlaceRequest, {}, "missing_field", "symbol"),
        (PlaceRequest, {"symbol": SYMBOL}, "missing_field", "side"),
        (PlaceRequest, {**ORDER, "symbol": 5}, "wrong_type", "symbol"),
        (PlaceRequest, {**ORDER, "symbol": "x" * 65}, "invalid_value", "symbol"),
        (PlaceRequest, {**ORDER, "side": "BUY"}, "invalid_value", "side"),
        (PlaceRequest, {**ORDER, "side": 0}, "invalid_value", "side"),
        (PlaceRequest, {**ORDER, "type": "stop"}, "invalid_value", "type"),
        (PlaceRequest, {**ORDER, "time_in_force": "day"}, "invalid_value", "time_in_force"),
        (PlaceRequest, {**ORDER, "post_only": True}, "invalid_value", "post_only"),
        (PlaceRequest, {**ORDER, "post_only": 0}, "wrong_type", "post_only"),
        (PlaceRequest, {**ORDER, "self_trade": None}, "invalid_value", "self_trade"),
        (PlaceRequest, {**ORDER, "client_id": ""}, "malformed_client_id", "client_id"),
        (PlaceRequest, {**ORDER, "client_id": "a b"}, "malformed_client_id", "client_id"),
        (PlaceRequest, {**ORDER, "client_id": "é"}, "malformed_client_id", "client_id"),
        (PlaceRequest, {**ORDER, "client_id": "x" * 37}, "malformed_client_id", "client_id"),
        (PlaceRequest, {**ORDER, "client_id": 5}, "wrong_type", "client_id"),
        (PlaceRequest, {**ORDER, "expires_time": 1763820000}, "wrong_type", "expires_time"),
        (PlaceRequest, {**ORDER, "expires_time": "2026-11-22"}, "malformed_time", "expires_time"),
        (PlaceRequest, {**ORDER, "expires_time": "2026-11-22T14:00:00+01:00"}, "malformed_time", "expires_time"),
        (PlaceRequest, {**ORDER, "expires_time": "2026-02-30T14:00:00Z"}, "malformed_time", "expires_time"),
        (PlaceRequest, {**ORDER, "expires_time": "2999-01-01T00:00:00Z"}, "time_out_of_range", "expires_time"),
        (PlaceRequest, {**ORDER, "expires_time": "1960-01-01T00:00:00Z"}, "time_out_of_range", "expires_time"),
        (ReplaceTerms, {"price": "0.04"}, "missing_field", "quantity"),
        (ReplaceTerms, {"price": "0.04", "quantity": "1", "requeue": "yes"}, "wrong_type", "requeue"),
        (ReplaceTerms, {"price": "0.04", "quantity": "1", "quantity_is": "all"}, "invalid_value", "quantity_is"),
        (Target, {"order_id": "24"}, "wrong_type", "order_id"),
        (Target, {"order_id": True}, "wrong_type", "order_id"),
        (Target, {"order_id": -1}, "unknown_order", "order_id"),
        (Target, {"order_id": 1 << 64}, "unknown_order", "order_id"),
        (RequestHead, {"op": "place"}, "missing_field", "id"),
        (RequestHead, {"id": 1}, "missing_field", "op"),
        (RequestHead, {"id": -1, "op": "place"}, "invalid_value", "id"),
        (RequestHead, {"id": 1.5, "op": "place"}, "wrong_type", "id"),
        (HaltRequest, {}, "missing_field", "symbol"),
        (InstrumentsQuery, {"limit": "0"}, "invalid_value", "limit"),
        (InstrumentsQuery, {"limit": "1001"}, "invalid_value", "limit"),
        (InstrumentsQuery, {"limit": "ten"}, "invalid_value", "limit"),
        (InstrumentsQuery, {"cursor": "-1"}, "invalid_value", "cursor"),
        (InstrumentsQuery, {"state": "closed"}, "invalid_value", "state"),
        (InstrumentsQuery, {"stat": "open"}, "unknown_field", "stat"),
    ],
    ids=lambda value: str(value)[:32],
)
def test_the_first_wrong_field_is_named(model, fields, code, param):
    assert refusal_of(parse, model, fields) == (code, param)


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"price": None}, "missing_field", "price"),
        ({"type": "market"}, "invalid_order_terms", "price"),
        ({"time_in_force": "gtd"}, "missing_field", "expires_time"),
        ({"expires_time": "2026-11-22T14:00:00Z"}, "invalid_order_terms", "expires_time"),
        ({"symbol": "eu-fra.ef.20261122T1500Z.PT1H"}, "unknown_instrument", "symbol"),
        ({"symbol": "gold"}, "unknown_instrument", "symbol"),
    ],
    ids=str,
)
def test_terms_that_no_order_can_have_are_refused_before_the_core(view, changes, code, param):
    request = parse(PlaceRequest, ORDER | changes)
    assert refusal_of(place_command, view, ACCOUNT_ID, request) == (code, param)


def test_an_order_becomes_a_command_in_ticks_lots_and_nanoseconds(view):
    request = parse(
        PlaceRequest,
        ORDER
        | {
            "time_in_force": "gtd",
            "expires_time": "2026-11-22T14:00:00.25Z",
            "post_only": "slide",
            "self_trade": "decrement",
            "client_id": "mine-1",
        },
    )
    group = place_command(view, ACCOUNT_ID, request)
    expected = commands.place(
        ACCOUNT_ID,
        INSTRUMENT_ID,
        Side.BUY,
        40_500,
        12,
        client_id="mine-1",
        time_in_force=TimeInForce.GTD,
        flags=OrderFlag.POST_ONLY_SLIDE,
        self_trade=SelfTrade.DECREMENT,
        expires_ns=1_795_356_000_250_000_000,
    )
    assert np.array_equal(group, expected)
    assert commands.text_of(group) == "mine-1"


@pytest.mark.parametrize(
    ("fields", "lifetime", "flags"),
    [
        (ORDER, TimeInForce.GTC, 0),
        (ORDER | {"time_in_force": "fok"}, TimeInForce.FOK, 0),
        (ORDER | {"post_only": "reject"}, TimeInForce.GTC, OrderFlag.POST_ONLY),
        (ORDER | {"type": "market", "price": None}, TimeInForce.IOC, OrderFlag.MARKET),
    ],
    ids=str,
)
def test_what_an_order_leaves_out_has_a_default(view, fields, lifetime, flags):
    head = place_command(view, ACCOUNT_ID, parse(PlaceRequest, fields))[0]
    assert (head["time_in_force"], head["flags"]) == (lifetime, flags)
    assert head["self_trade"] == SelfTrade.CANCEL_NEWEST


def test_the_same_request_is_the_same_command_whenever_it_is_sent(view):
    first, again = (place_command(view, ACCOUNT_ID, parse(PlaceRequest, ORDER)) for _ in range(2))
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize(
    ("terms", "flags"),
    [
        ({}, 0),
        ({"requeue": True}, ChangeFlag.REQUEUE),
        ({"quantity_is": "remaining"}, ChangeFlag.NAMES_REMAINING),
        ({"quantity_is": "remaining", "requeue": True}, ChangeFlag.NAMES_REMAINING | ChangeFlag.REQUEUE),
    ],
    ids=str,
)
def test_a_replace_says_what_its_quantity_means(terms, flags):
    request = parse(ReplaceTerms, {"price": "0.04", "quantity": "5"} | terms)
    head = replace_command(ACCOUNT_ID, Target(order_id=24), request)[:1].view(CHANGE_COMMAND)[0]
    assert (head["order_id"], head["price_ticks"], head["quantity_lots"], head["flags"]) == (24, 40_000, 5, flags)


def test_a_cancel_names_its_order_by_client_id_and_itself_by_retry_id():
    group = cancel_command(ACCOUNT_ID, Target(client_id="mine-1"), CancelTerms(retry_id="again-1"))
    head = group[:1].view(CHANGE_COMMAND)[0]
    assert (head["target_high"], head["target_low"]) == commands.client_key("mine-1")
    assert (head["client_id_high"], head["client_id_low"]) == commands.client_key("again-1")
    assert head["order_id"] == 0


@pytest.mark.parametrize("target", [Target(), Target(order_id=1, client_id="mine-1")], ids=repr)
def test_a_change_needs_one_name_of_its_order_and_only_one(target):
    assert refusal_of(cancel_command, ACCOUNT_ID, target, CancelTerms()) == ("missing_field", "order_id")


def test_times_are_told_in_utc_with_microseconds():
    assert time_text(1_795_356_000_250_000_999) == "2026-11-22T14:00:00.250000Z"
