"""Plain orders, read and answered by compiled code, beside the same in plain Python."""

import hashlib
from types import SimpleNamespace

import numpy as np
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.plain_commands import plain_place
from exchange.sequencer import BLOCK_RECORDS_MAX
from exchange.service import Reply
from gateway.encoding.json_text import decode_object
from gateway.encoding.plain import desk as desk_module
from gateway.encoding.plain.desk import Frames, Reader, Writer, make_room
from gateway.encoding.plain.digest import WORDS, take_digest
from gateway.encoding.plain.schema import FRAME_BYTES_MAX, SYMBOL_BYTES_MAX
from gateway.encoding.plain.symbols import SLOTS
from gateway.encoding.plain.writing import ANSWER_BYTES_MAX
from gateway.encoding.requests import PLAIN_REQUEST_ID_END
from gateway.encoding.socket_frames import messages_of
from gateway.errors import ApiError
from gateway.orders.plain_answers import BlockReply
from gateway.orders.plain_terms import NEEDED, plain_terms
from matching.schema import ORDER_COMMAND, ORDER_EVENT, PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, EventKind, Side

SYMBOL = "eu-fra.ef.20261122T1400Z.PT1H"
SYMBOLS = {SYMBOL: 7, "eu-fra.ef.20261122T1500Z.PT1H": 8, "x" * SYMBOL_BYTES_MAX: 9}
ACCOUNT, SESSION = 5, 3
TIME_NS = 1_795_000_000_123_456_789
PLAIN = {"op": "place", "id": 1, "symbol": SYMBOL, "side": "sell", "price": "0.031", "quantity": "7"}
NAMED = PLAIN | {"client_id": "bench-1", "time_in_force": "ioc"}
ROOM = make_room()
ENDING = b',"rate_limit":{"limit":5}}'


def reader_of(symbols=SYMBOLS):
    return Reader(SimpleNamespace(symbol_changes=0, tranche_by_symbol=symbols))


def twin_records(payload, symbols=SYMBOLS):
    """The records of a frame that is a plain order, or None."""
    try:
        fields = decode_object(payload)
    except ApiError:
        return None
    if fields.get("op") != "place":
        return None
    name = fields.get("id")
    if type(name) is not int or not 0 <= name < PLAIN_REQUEST_ID_END:
        return None
    terms = plain_terms(symbols, fields, ACCOUNT, SESSION, NEEDED + 2)
    return None if terms is None else plain_place(terms, fields.get("client_id"))


def read_one(payload, symbols=SYMBOLS):
    """The same of what is compiled."""
    reader = reader_of(symbols)
    count = reader.read(Frames([payload]), 0, 1, ACCOUNT, SESSION)
    records, entries = reader.take()
    assert len(entries) == count
    return records.tobytes() if count else None


client_ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=37)
prices = st.one_of(
    st.integers(1, PRICE_TICKS_MAX + 1).map(lambda ticks: f"{ticks // 10**6}.{ticks % 10**6:06d}"),
    st.decimals(0, 2_000, places=3, allow_nan=False).map(str),
    st.sampled_from(
        ["1", "0", "0.0", "00.1", "1.", ".1", "-1", "1e1", "1.0000001", "1.0000000", "", " 1", "1_0", "9999"]
    ),
)
quantities = st.integers(0, QUANTITY_LOTS_MAX + 1).map(str) | st.sampled_from(["", "01", "1.0", "-1", "1e3", "9" * 30])
VALUES = {
    "op": st.sampled_from(["place", "cancel", "places", "plac", ""]),
    "id": st.integers(-1, PLAIN_REQUEST_ID_END) | st.sampled_from(["1", None, True, 1.0, [1]]),
    "symbol": st.sampled_from([*SYMBOLS, "", "nowhere"]),
    "side": st.sampled_from(["buy", "sell", "both", None, ["buy"]]),
    "price": prices,
    "quantity": quantities,
    "client_id": client_ids | st.sampled_from([None, "", "a b", "é", 7]),
    "time_in_force": st.sampled_from(["gtc", "ioc", "fok", "gtd", "", None]),
    "colour": st.just("red"),
}
changes = st.dictionaries(st.sampled_from(list(VALUES)), st.none(), max_size=3).flatmap(
    lambda chosen: st.fixed_dictionaries({name: VALUES[name] for name in chosen})
)
orders = st.builds(lambda fields, changed: fields | changed, st.sampled_from([PLAIN, NAMED]), changes)
spaces = st.sampled_from(["", "", " ", "\n", "\t\r "])


@st.composite
def payloads(draw):
    """An object as it may be written: fields in any order, with spaces, perhaps one missing, twice or a bit wrong."""
    fields = draw(orders)
    pairs = draw(st.permutations(list(fields.items())))
    if draw(st.integers(0, 9)) == 0:
        pairs.append(draw(st.sampled_from(pairs)))
    if draw(st.integers(0, 9)) == 0:
        pairs.pop()
    parts = (
        f"{draw(spaces)}{orjson.dumps(key).decode()}{draw(spaces)}:{draw(spaces)}{orjson.dumps(value).decode()}"
        for key, value in pairs
    )
    payload = bytearray((draw(spaces) + "{" + ",".join(parts) + draw(spaces) + "}" + draw(spaces)).encode())
    if draw(st.integers(0, 4)) == 0:
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload)


@settings(max_examples=max(300, settings.default.max_examples))
@given(payloads())
@example(orjson.dumps(PLAIN))
@example(orjson.dumps(NAMED))
def test_what_is_read_is_what_plain_python_reads(payload):
    """Compiled code may leave to others what plain Python would take, such as strings that escape something."""
    found, expected = read_one(payload), twin_records(payload)
    if found is None:
        assert expected is None or is_left_to_others(payload)
    else:
        assert found == expected


def is_left_to_others(payload):
    fields = orjson.loads(payload)
    is_long = len(payload) > FRAME_BYTES_MAX
    is_escaped = b"\\" in payload or not payload.isascii() or 0x7F in payload
    has_needless_decimals = len(fields["price"].partition(".")[2]) > 6 or "." in fields["quantity"]
    return is_long or is_escaped or has_needless_decimals


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_bytes_that_are_no_order_are_not_read(payload):
    assert read_one(payload) is None


@pytest.mark.parametrize("fields", [PLAIN, NAMED, PLAIN | {"side": "buy"}, PLAIN | {"price": "1073.741823"}])
def test_plain_orders_are_read(fields):
    assert read_one(orjson.dumps(fields)) == twin_records(orjson.dumps(fields)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "",
        "{",
        "[]",
        '{"op":"place"}',
        orjson.dumps(PLAIN).decode() + "}",
        orjson.dumps(PLAIN).decode()[:-1] + ",}",
        orjson.dumps(PLAIN).decode() + " " * FRAME_BYTES_MAX,
        orjson.dumps(PLAIN).decode().replace('"id":1', '"id":01'),
        orjson.dumps(PLAIN).decode().replace('"id":1', '"id":1.0'),
        orjson.dumps(PLAIN).decode().replace('"id":1', '"id":9007199254740992'),
        orjson.dumps(PLAIN).decode().replace('"sell"', '"sell\\u0020"'),
        orjson.dumps(PLAIN).decode().replace('"op"', '"op\\u0000"'),
        orjson.dumps(PLAIN | {"id": 1, "symbol": "x" * (SYMBOL_BYTES_MAX + 1)}).decode(),
    ],
)
def test_what_is_no_plain_order_is_left_to_the_general_road(text):
    assert read_one(text.encode()) is None


def test_frames_are_read_up_to_one_that_is_no_plain_order_and_on_from_there():
    reader = reader_of()
    frames = Frames(
        [orjson.dumps(PLAIN | {"id": 0}), orjson.dumps(NAMED | {"id": 1}), b'{"op":"ping"}', orjson.dumps(PLAIN)]
    )
    assert reader.read(frames, 0, 4, ACCOUNT, SESSION) == 2
    assert not reader.is_full
    assert reader.read(frames, 3, 4, ACCOUNT + 1, 0) == 4
    records, entries = reader.take()
    assert records["account_id"][[0, 1, 3]].tolist() == [ACCOUNT, ACCOUNT, ACCOUNT + 1]
    assert entries["frame"].tolist() == [0, 1, 3]
    assert entries["place"].tolist() == [0, 1, 3]
    assert entries["name"].tolist() == [0, 1, 1]
    assert reader.count == 0


def test_a_frame_that_is_too_long_for_an_order_does_not_hide_those_around_it():
    payloads = [orjson.dumps(PLAIN), b" " * FRAME_BYTES_MAX + orjson.dumps(PLAIN), orjson.dumps(NAMED)]
    reader, frames = reader_of(), Frames(payloads)
    assert reader.read(frames, 0, 3, ACCOUNT, 0) == 1
    assert reader.read(frames, 2, 3, ACCOUNT, 0) == 3
    assert reader.take()[1]["frame"].tolist() == [0, 2]


def test_a_block_takes_as_many_orders_as_there_is_room_for_and_no_more():
    reader, count = reader_of(), BLOCK_RECORDS_MAX
    frames = Frames([orjson.dumps(PLAIN | {"client_id": f"c-{number}"}) for number in range(count)])
    at = reader.read(frames, 0, count, ACCOUNT, 0)
    assert at == BLOCK_RECORDS_MAX // 2
    assert reader.is_full
    assert len(reader.take()[0]) == BLOCK_RECORDS_MAX
    assert reader.read(frames, at, count, ACCOUNT, 0) == count
    assert not reader.is_full


def test_a_symbol_names_what_it_names_now():
    view = SimpleNamespace(symbol_changes=0, tranche_by_symbol={SYMBOL: 7})
    reader, frames = Reader(view), Frames([orjson.dumps(PLAIN)])

    def named():
        count = reader.read(frames, 0, 1, ACCOUNT, 0)
        records, _ = reader.take()
        return records["instrument_id"].tolist() if count else None

    assert named() == [7]
    assert named() == [7]
    view.tranche_by_symbol[SYMBOL], view.symbol_changes = 8, 1
    assert named() == [8]
    del view.tranche_by_symbol[SYMBOL]
    view.symbol_changes = 2
    assert named() is None


def test_more_symbols_than_are_kept_are_still_told_apart(monkeypatch):
    monkeypatch.setattr(desk_module, "SYMBOLS_MAX", 50)
    symbols = {f"symbol-{number}": number for number in range(1, 200)}
    reader = reader_of(symbols)
    for _ in range(2):
        for symbol, instrument_id in symbols.items():
            frames = Frames([orjson.dumps(PLAIN | {"symbol": symbol})])
            while reader.read(frames, 0, 1, ACCOUNT, 0) == 0:
                assert reader._known == 50
            assert reader.take()[0]["instrument_id"].tolist() == [instrument_id]


def test_symbols_that_fall_on_one_place_are_told_apart():
    """As many as fill a hundredth of the table: some of them share their place."""
    symbols = {f"s{number}": number for number in range(1, SLOTS // 100)}
    reader = reader_of(symbols)
    for symbol, instrument_id in symbols.items():
        assert reader.read(Frames([orjson.dumps(PLAIN | {"symbol": symbol})]), 0, 1, ACCOUNT, 0) == 1
        assert reader.take()[0]["instrument_id"].tolist() == [instrument_id]


@given(st.binary(max_size=128))
@example(b"")
@example(bytes(128))
def test_the_digest_is_that_of_blake2b(data):
    words = np.zeros(WORDS, np.uint64)
    take_digest(words, np.frombuffer(b"ab" + data + b"c", np.uint8), 2, len(data))
    assert words[:2].tobytes() == hashlib.blake2b(data, digest_size=16).digest()


def event(sequence, kind=EventKind.RESTED, **fields):
    record = np.zeros(1, ORDER_EVENT)
    told = {"sequence": sequence, "kind": int(kind), "order_id": 77, "price_ticks": 40_000, "leaves_lots": 5} | fields
    for name, value in told.items():
        record[name] = value
    return record


def written(payloads, events, sequence=10, room=ROOM):
    """Of a block of orders, all of which rest: the texts of the answers."""
    reader, frames = reader_of(), Frames(payloads)
    assert reader.read(frames, 0, len(payloads), ACCOUNT, 0) == len(payloads)
    _, entries = reader.take()
    writer = Writer(frames, entries, Reply(sequence, TIME_NS, np.concatenate(events)), room)
    at, answers = writer.rested(0, len(payloads), ENDING)
    return at, list(messages_of(answers))


@given(
    st.none() | client_ids.filter(lambda text: len(text) <= 36 and not set(text) & {'"', "\\"}),
    st.integers(1, PRICE_TICKS_MAX),
    st.integers(1, QUANTITY_LOTS_MAX),
    st.integers(1, 2**63 - 1),
    st.integers(0, 2**64 - 1),
    st.sampled_from([Side.BUY, Side.SELL]),
    st.integers(0, PLAIN_REQUEST_ID_END - 1),
)
def test_the_answer_to_an_order_that_rests_is_that_of_plain_python(
    client_id, price_ticks, lots, sequence, order_id, side, name
):
    fields = PLAIN | {"id": name, "side": side.name.lower()} | ({} if client_id is None else {"client_id": client_id})
    told = event(sequence, order_id=order_id, price_ticks=price_ticks, leaves_lots=lots, side=side)
    at, answers = written([orjson.dumps(fields)], [told], sequence)
    block = BlockReply(Reply(sequence, TIME_NS, told))
    expected = block.rested_text(fields, block.take(0)[0])
    assert at == 1
    assert answers == [f'{{"id":{name},"ok":true,"result":{expected}'.encode() + ENDING]


def test_answers_stop_at_an_order_of_which_anything_else_came_and_go_on_behind_it():
    reader, frames = reader_of(), Frames([orjson.dumps(PLAIN | {"id": number}) for number in range(4)])
    reader.read(frames, 0, 4, ACCOUNT, 0)
    _, entries = reader.take()
    kinds = [
        (10, EventKind.RESTED),
        (11, EventKind.TRADE),
        (11, EventKind.RESTED),
        (12, EventKind.KILLED),
        (13, EventKind.RESTED),
    ]
    writer = Writer(frames, entries, Reply(10, TIME_NS, np.concatenate([event(*each) for each in kinds])), ROOM)
    ending = ENDING
    assert writer.rested(0, 4, ending)[0] == 1
    assert writer.take(1).events["kind"].tolist() == [EventKind.TRADE, EventKind.RESTED]
    assert writer.rested(2, 4, ending) == (2, b"")
    killed = writer.take(2)
    assert (killed.sequence, killed.events["kind"].tolist()) == (12, [EventKind.KILLED])
    at, answers = writer.rested(3, 4, ending)
    assert at == 4
    assert [orjson.loads(each)["id"] for each in messages_of(answers)] == [3]


def test_more_answers_than_are_written_at_a_time_all_go_out():
    payloads = [orjson.dumps(NAMED | {"id": number}) for number in range(50)]
    at, answers = written(payloads, [event(10 + 2 * number) for number in range(50)], room=ROOM[:2_000])
    assert at == 50
    assert [orjson.loads(each)["id"] for each in answers] == [*range(50)]


def test_every_answer_fits_into_what_is_kept_for_it():
    longest = PLAIN | {"id": PLAIN_REQUEST_ID_END - 1, "symbol": "x" * SYMBOL_BYTES_MAX, "client_id": "c" * 36}
    told = event(
        2**63 - 1, order_id=2**64 - 1, price_ticks=PRICE_TICKS_MAX, leaves_lots=QUANTITY_LOTS_MAX, side=Side.SELL
    )
    _, (answer,) = written([orjson.dumps(longest)], [told], 2**63 - 1)
    time = orjson.loads(answer)["result"]["time"]
    bound = ANSWER_BYTES_MAX + len(ENDING) + len(f',"time":"{time}","time_ns":{TIME_NS}')
    assert len(answer) + 4 <= bound < 126 + 65_536


def test_records_of_one_block_are_not_those_of_the_next():
    reader = reader_of()
    blocks = []
    for fields in (NAMED, PLAIN):
        reader.read(Frames([orjson.dumps(fields)]), 0, 1, ACCOUNT, SESSION)
        blocks.append(reader.take()[0])
    assert [block.tobytes() for block in blocks] == [twin_records(orjson.dumps(fields)) for fields in (NAMED, PLAIN)]
    assert all(block.dtype == ORDER_COMMAND for block in blocks)
