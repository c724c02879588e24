"""The plain road of orders over REST: the same checks, commands, answers and headers as the general one."""

import asyncio
import ssl
import time

import orjson
import pytest
from aiohttp import ClientSession, TCPConnector

from gateway.encoding.requests import Role
from gateway.gateway import GATEWAY
from gateway.identity.signing import canonical, sign
from gateway.orders.plain_requests import PlainRequests
from tests.gateway.doors import signed_headers, until
from tests.gateway.identity.test_tls import certificate, serve_tls  # noqa: F401 - a fixture
from tests.gateway.orders.test_plain_orders import GENERAL, SAID, order
from tests.gateway.wire import HOST, dial

PATH = "/v1/orders"
VOLATILE_HEADERS = ("Date", "Content-Length", "BWX-RateLimit-Remaining", "BWX-RateLimit-Reset")
VOLATILE = ("order_id", "sequence", "time", "time_ns", "client_id")


@pytest.fixture
def taken(monkeypatch):
    """Which requests the plain road took, as far as it was asked."""
    found = []
    take = PlainRequests.take

    def noted(self, asker, headers, body):
        found.append(take(self, asker, headers, body))
        return found[-1]

    monkeypatch.setattr(PlainRequests, "take", noted)
    return found


def terms(doors, **changes):
    return {name: value for name, value in order(doors, **changes).items() if name != "op"}


async def post(doors, key, body, **headers):
    """One order; its status, headers and JSON."""
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = signed_headers(key, "POST", PATH, payload) | headers
    async with doors.http.post(doors.url + PATH, data=payload, headers=headers) as response:
        return response.status, response.headers, await response.json()


def comparable(answer):
    """What may not differ."""
    status, headers, told = answer
    shown = sorted((name, None if name in VOLATILE_HEADERS else value) for name, value in headers.items())
    row = {name: None if name in VOLATILE else value for name, value in told.items()}
    if "trades" in row:
        row["trades"] = [trade | {"id": None} for trade in row["trades"]]
    return status, shown, row


def raw(doors, key, body, **more):
    """An order as bytes, as a client sends it over a connection that it keeps."""
    payload = orjson.dumps(body)
    lines = signed_headers(key, "POST", PATH, payload) | {"Content-Length": str(len(payload))} | more
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in lines.items())
    return b"POST /v1/orders HTTP/1.1\r\n" + HOST + head + b"\r\n" + payload


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
async def test_both_roads_give_the_same_answer(doors, taken, said):
    key, maker = await doors.account("alice"), await doors.client("bob")
    answers = []
    async with maker, await doors.client("alice") as owner:
        for general in ({}, GENERAL):
            await maker.place(doors.symbol, "sell", 20, "0.05", client_id=f"made-{len(answers)}")
            answers.append(await post(doors, key, terms(doors, **said) | general))
            await maker.cancel_all()
            await owner.cancel_all()
            if isinstance(said.get("client_id"), str):
                said = said | {"client_id": f"{said['client_id']}-2"}
    plain, general = map(comparable, answers)
    assert plain == general
    assert taken[-1] is False


async def test_what_most_orders_say_goes_the_plain_road(doors, taken):
    key = await doors.account("alice")
    for number in range(3):
        status, _, answer = await post(doors, key, terms(doors, client_id=f"c-{number}", time_in_force="gtc"))
        assert (status, answer["status"]) == (201, "open")
    assert taken == [True] * 3
    assert len(list(doors.exchange.view.open_orders(key.account_id))) == 3


async def test_a_retry_is_answered_as_the_first_time_and_other_content_refused(doors, taken):
    key = await doors.account("alice")
    _, _, first = await post(doors, key, terms(doors, client_id="one"))
    _, _, again = await post(doors, key, terms(doors, client_id="one"))
    status, _, other = await post(doors, key, terms(doors, client_id="one", quantity="11"))
    assert again["repeated"]
    assert again["order_id"] == first["order_id"]
    assert (status, other["error"]["code"]) == (409, "client_id_reused")
    assert taken == [True] * 3


async def open_connections(doors, count):
    """So many that wait for a request: the first on a connection may come before its task has begun to wait."""
    await asyncio.gather(*(doors.ask("GET", "/v1/time") for _ in range(count)))


def unsigned(key, payload):
    return {}


def of_other_body(key, payload):
    return signed_headers(key, "POST", PATH, payload + b" ")


def of_other_path(key, payload):
    return signed_headers(key, "POST", "/v1/orders/batch", payload)


def too_old(key, payload):
    headers = signed_headers(key, "POST", PATH, payload)
    timestamp = str(time.time_ns() // 1_000_000 - 40_000)
    message = canonical("POST", PATH, timestamp, headers["BWX-NONCE"], payload)
    return headers | {"BWX-TIMESTAMP": timestamp, "BWX-SIGNATURE": sign(key.secret, message)}


def of_nobody(key, payload):
    return signed_headers(key, "POST", PATH, payload) | {"BWX-KEY": "nobody"}


def with_a_long_nonce(key, payload):
    return signed_headers(key, "POST", PATH, payload) | {"BWX-NONCE": "n" * 65}


BADLY_SIGNED = {
    unsigned: (401, "not_signed"),
    of_other_body: (401, "bad_signature"),
    of_other_path: (401, "bad_signature"),
    too_old: (401, "timestamp_out_of_window"),
    of_nobody: (401, "unknown_key"),
    with_a_long_nonce: (422, "invalid_value"),
}


@pytest.mark.parametrize(("signing", "told"), BADLY_SIGNED.items(), ids=lambda each: getattr(each, "__name__", ""))
async def test_what_is_badly_signed_is_refused_by_name_and_its_address_pays_once(doors, taken, signing, told):
    key = await doors.account("alice")
    payload = orjson.dumps(terms(doors))
    attempts = doors.gateway.rates._attempting.of("127.0.0.1", doors.gateway.rates._attempts, time.monotonic_ns())
    attempts.rate = attempts.rate._replace(per_s=1)
    before = attempts._level_nano
    async with doors.http.post(doors.url + PATH, data=payload, headers=signing(key, payload)) as response:
        assert (response.status, (await response.json())["error"]["code"]) == told
    assert True not in taken
    assert 0.9e9 < before - attempts._level_nano <= 1e9
    assert doors.gateway.rates.bucket_of(key).remaining(time.monotonic_ns()).reset_ns == 0
    assert doors.exchange.view.resting_orders == 0


async def test_a_signature_counts_once_on_either_road(doors, taken):
    key = await doors.account("alice")
    payload = orjson.dumps(terms(doors))
    headers = signed_headers(key, "POST", PATH, payload)
    told = []
    for _ in range(2):
        async with doors.http.post(doors.url + PATH, data=payload, headers=headers) as response:
            told.append((response.status, (await response.json()).get("error", {}).get("code")))
    assert told == [(201, None), (401, "nonce_reused")]
    assert taken == [True, False]
    # What the second one was charged and given back is as if it had not been.
    assert doors.gateway.rates.bucket_of(key).remaining(time.monotonic_ns()).reset_ns < 4e9
    assert doors.exchange.view.resting_orders == 1


async def test_a_header_of_the_signature_that_comes_twice_is_refused(doors, taken):
    key = await doors.account("alice")
    async with dial(doors) as wire:
        wire.send(raw(doors, key, terms(doors)).replace(b"BWX-NONCE", b"BWX-NONCE: other\r\nbwx-nonce"))
        _, body = await wire.answer()
    assert orjson.loads(body)["error"]["code"] == "duplicate_key"
    assert taken == [False]


@pytest.mark.parametrize(
    ("roles", "options", "told"),
    [
        (("reporter",), {}, (403, "role_missing")),
        (("trader",), {"scopes": ("read",)}, (403, "scope_missing")),
        (("trader",), {"networks": ("10.0.0.0/8",)}, (403, "address_not_allowed")),
        (("trader",), {"expires_ns": 1}, (401, "key_expired")),
    ],
    ids=["reporter", "reads only", "from elsewhere", "ended"],
)
async def test_a_key_that_may_not_order_orders_on_neither_road(doors, taken, roles, options, told):
    account_id = (await doors.account("alice")).account_id
    key = doors.keys.create(account_id, tuple(map(Role, roles)), **options)
    for general in ({}, GENERAL):
        status, _, answer = await post(doors, key, terms(doors) | general)
        assert (status, answer["error"]["code"]) == told
    assert taken == [False, False]


async def test_a_key_that_is_revoked_orders_no_more_on_a_connection_that_is_kept(doors, taken):
    key = await doors.account("alice")
    assert (await post(doors, key, terms(doors)))[0] == 201
    doors.keys.revoke([key.key_id])
    status, _, answer = await post(doors, key, terms(doors))
    assert (status, answer["error"]["code"]) == (401, "unknown_key")
    assert taken == [True, False]


async def test_orders_are_paid_for_and_refused_by_name_when_there_is_nothing_left(serve, taken):
    async with serve(account_weight_per_s=1, account_weight_burst=9) as doors:
        key = await doors.account("alice")
        answers = [await post(doors, key, terms(doors)) for _ in range(3)]
    assert [status for status, _, _ in answers] == [201, 201, 429]
    assert [int(headers["BWX-RateLimit-Remaining"]) for _, headers, _ in answers] in ([5, 1, 1], [5, 2, 2], [6, 2, 2])
    assert int(answers[2][1]["Retry-After"]) in (2, 3)
    assert taken == [True, True, False]


async def test_orders_of_one_turn_are_one_block_and_each_is_answered_for_itself(doors, taken):
    keys = [await doors.account("alice"), await doors.account("bob")]
    sent = [terms(doors, quantity=str(1 + number), client_id=f"n-{number}") for number in range(40)]
    sent[7]["quantity"] = "10001"
    await open_connections(doors, len(sent))
    answers = await asyncio.gather(*(post(doors, keys[at % 2], each) for at, each in enumerate(sent)))
    for at, (status, _, answer) in enumerate(answers):
        if at == 7:
            assert (status, answer["error"]["code"]) == (422, "quantity_out_of_range")
        else:
            assert (status, answer["client_id"], answer["quantity"]) == (201, f"n-{at}", str(1 + at))
    assert taken == [True] * 40
    assert doors.exchange.view.resting_orders == 39


async def test_orders_that_the_exchange_does_not_take_are_refused_by_name(doors, taken):
    key = await doors.account("alice")
    await asyncio.to_thread(doors.exchange._sequencer.stop)
    answers = [await post(doors, key, terms(doors) | general) for general in ({}, GENERAL)]
    plain, general = map(comparable, answers)
    assert plain == general
    assert (plain[0], plain[2]["error"]["code"]) == (503, "exchange_stopped")
    assert taken == [True, False]


async def test_a_fault_in_an_answer_is_named_and_the_other_orders_are_answered(doors, taken, monkeypatch, capsys):
    key = await doors.account("alice")

    def fault(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.encoding.codec.place_answer", fault)
    sent = [terms(doors), terms(doors, price="0.05", time_in_force="ioc"), terms(doors)]
    await open_connections(doors, len(sent))
    answers = await asyncio.gather(*(post(doors, key, each) for each in sent))
    assert [status for status, _, _ in answers] == [201, 500, 201]
    assert answers[1][2]["error"]["code"] == "internal_error"
    assert "request_failed" in capsys.readouterr().out


async def test_a_body_longer_than_an_operator_allows_is_refused_on_either_road(serve, taken):
    async with serve(body_bytes_max=64) as doors:
        key = await doors.account("alice")
        status, _, answer = await post(doors, key, terms(doors))
        assert (status, answer["error"]["code"]) == (413, "body_too_large")
    assert taken == [False]


async def test_by_tls_the_answer_says_so(doors, taken, certificate):  # noqa: F811 - the fixture
    url = await serve_tls(doors, certificate)
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    key, payload = await doors.account("alice"), orjson.dumps(terms(doors))
    async with (
        ClientSession(connector=TCPConnector(ssl=trust)) as http,
        http.post(url + PATH, data=payload, headers=signed_headers(key, "POST", PATH, payload)) as response,
    ):
        assert response.status == 201
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert taken == [True]


async def test_what_a_signed_order_leaves_behind_is_forgotten_after_its_turn(doors, taken):
    key = await doors.account("alice")
    assert (await post(doors, key, terms(doors)))[0] == 201
    plain = doors.runner._plain
    await until(lambda: not plain._payers)
    assert (plain._entered, plain._records, plain._count) == ([], [], 0)
    assert plain._exchange is doors.runner.app[GATEWAY].exchange
