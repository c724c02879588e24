"""Browsers that sign in: what the cookie opens, what it does not, and every way in which it ends."""

import asyncio
import time
from http.cookies import SimpleCookie

import orjson
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from gateway.identity.sign_ins import SignIns
from tests.gateway.doors import signed_headers, until

FOREIGN = "https://elsewhere.example"
PATH = "/v1/session"


class Visitor:
    """A browser as far as the doors know it: it keeps a cookie, and what the page was told."""

    def __init__(self, doors, cookie="", csrf=""):
        self._doors = doors
        self.cookie = cookie
        self.csrf = csrf

    async def ask(self, method, path, body=b"", **headers):
        own = {"Cookie": f"bwx_session={self.cookie}"} | headers
        return await self._doors.ask(method, path, None, body, **own)

    async def change(self, method, path, body=b"", **headers):
        return await self.ask(method, path, body, **({"BWX-CSRF": self.csrf, "Origin": self._doors.url} | headers))

    def connect(self, origin=None):
        headers = {"Cookie": f"bwx_session={self.cookie}"} | ({} if origin is None else {"Origin": origin})
        return self._doors.http.ws_connect(f"{self._doors.url}/v1/ws", headers=headers)


def code_of(answer):
    return answer["error"]["code"]


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": "buy", "price": "0.030000", "quantity": "1"} | changes


async def post_session(doors, key, body=b"{}", **headers):
    """The answer to a signed sign-in, with its headers."""
    signed = signed_headers(key, "POST", PATH, body) | headers
    async with doors.http.post(doors.url + PATH, data=body, headers=signed) as response:
        return response.status, orjson.loads(await response.read()), response.headers.getall("Set-Cookie", [])


async def sign_in(doors, key, **headers):
    status, answer, (cookie,) = await post_session(doors, key, **headers)
    assert status == 201
    return Visitor(doors, SimpleCookie(cookie)["bwx_session"].value, answer["csrf"])


@pytest.fixture
async def key(doors):
    return await doors.account("alice")


@pytest.fixture
async def visitor(doors, key):
    return await sign_in(doors, key)


async def test_the_cookie_is_for_our_own_pages_alone_and_no_script_reads_it(doors, key):
    _, answer, (cookie,) = await post_session(doors, key)
    (morsel,) = SimpleCookie(cookie).values()
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Strict", "/")
    assert (morsel["domain"], morsel["max-age"], morsel["secure"]) == ("", "", "")
    assert len(morsel.value) == 43, "256 bits"
    assert morsel.value not in str(answer)
    _, _, (cookie,) = await post_session(doors, key, b'{"remember":true}')
    assert SimpleCookie(cookie)["bwx_session"]["max-age"] == "43200"


async def test_a_sign_in_tells_who_it_is_and_the_exchange_keeps_no_cookie(doors, key):
    status, answer, (cookie,) = await post_session(doors, key)
    assert (status, answer["account"], answer["roles"], answer["scopes"]) == (
        201,
        "alice",
        ["trader"],
        ["keys", "read", "trade"],
    )
    visitor = Visitor(doors, SimpleCookie(cookie)["bwx_session"].value)
    assert (await visitor.ask("GET", PATH))[1] == answer
    kept = doors.gateway.sign_ins
    assert visitor.cookie not in repr([vars(each) for each in kept._by_digest.values()])


async def test_a_cookie_reads_and_with_the_word_of_our_pages_it_changes(doors, visitor):
    status, account = await visitor.ask("GET", "/v1/account")
    assert (status, account["name"]) == (200, "alice")
    status, placed = await visitor.change("POST", "/v1/orders", order(doors))
    assert (status, placed["status"]) == (201, "open")
    assert (await visitor.change("DELETE", f"/v1/orders/{placed['order_id']}"))[0] == 200


@pytest.mark.parametrize("csrf", [None, "", "wrong", "é", "x" * 43], ids=str)
async def test_a_change_without_the_word_is_refused_by_name(doors, visitor, csrf):
    headers = {} if csrf is None else {"BWX-CSRF": csrf}
    for method, path in (("POST", "/v1/orders"), ("DELETE", "/v1/orders"), ("DELETE", PATH), ("POST", "/v1/keys")):
        status, answer = await visitor.ask(method, path, order(doors), **headers)
        assert (status, code_of(answer), answer["error"]["param"]) == (403, "csrf_refused", "BWX-CSRF")
    assert doors.exchange.view.resting_orders == 0
    assert (await visitor.ask("GET", PATH))[0] == 200


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://[", "http://127.0.0.1:1"], ids=str)
async def test_a_page_of_another_site_changes_nothing_even_if_it_knew_the_word(doors, visitor, origin):
    for method, path in (("POST", "/v1/orders"), ("DELETE", PATH)):
        status, answer = await visitor.change(method, path, order(doors), Origin=origin)
        assert (status, code_of(answer)) == (403, "foreign_origin")


async def test_the_word_of_one_sign_in_does_not_do_for_another(doors, key, visitor):
    other = await sign_in(doors, key)
    status, answer = await visitor.change("POST", "/v1/orders", order(doors), **{"BWX-CSRF": other.csrf})
    assert (status, code_of(answer)) == (403, "csrf_refused")


async def test_a_sign_in_of_another_account_sees_and_touches_only_its_own(doors, visitor):
    mallory = await sign_in(doors, await doors.account("mallory"))
    _, placed = await visitor.change("POST", "/v1/orders", order(doors))
    status, answer = await mallory.change("DELETE", f"/v1/orders/{placed['order_id']}")
    assert (status, code_of(answer)) == (404, "unknown_order")
    assert (await mallory.ask("GET", "/v1/account"))[1]["name"] == "mallory"
    swapped = Visitor(doors, mallory.cookie, visitor.csrf)
    assert code_of((await swapped.change("POST", "/v1/orders", order(doors)))[1]) == "csrf_refused"


async def test_a_cookie_that_is_sent_in_is_never_taken_up(doors, key):
    planted = "A" * 43
    visitor = await sign_in(doors, key, Cookie=f"bwx_session={planted}")
    assert visitor.cookie != planted
    assert code_of((await Visitor(doors, planted).ask("GET", PATH))[1]) == "not_signed_in"


async def test_a_browser_that_signs_in_again_leaves_no_sign_in_behind(doors, key, visitor):
    again = await sign_in(doors, await doors.account("bob"), Cookie=f"bwx_session={visitor.cookie}")
    assert code_of((await visitor.ask("GET", PATH))[1]) == "not_signed_in"
    assert (await again.ask("GET", PATH))[1]["account"] == "bob"
    assert len(doors.gateway.sign_ins) == 1


async def test_a_signed_sign_in_counts_once(doors, key):
    headers = signed_headers(key, "POST", PATH, b"{}")
    statuses = []
    for _ in range(2):
        async with doors.http.post(doors.url + PATH, data=b"{}", headers=headers) as response:
            statuses.append(response.status)
    assert statuses == [201, 401]
    assert len(doors.gateway.sign_ins) == 1


async def test_a_cookie_does_not_prolong_itself(doors, visitor):
    status, answer = await visitor.change("POST", PATH, b"{}")
    assert (status, code_of(answer)) == (401, "not_signed")


async def test_a_foreign_page_signs_nobody_in(doors, key):
    status, answer, cookies = await post_session(doors, key, Origin=FOREIGN)
    assert (status, code_of(answer), cookies) == (403, "foreign_origin", [])


async def test_a_signature_counts_and_not_the_cookie_beside_it(doors, visitor):
    bob = await doors.account("bob")
    cookie = {"Cookie": f"bwx_session={visitor.cookie}"}
    assert (await doors.ask("GET", "/v1/account", bob, **cookie))[1]["name"] == "bob"
    status, answer = await visitor.ask("GET", "/v1/account", **{"BWX-KEY": bob.key_id})
    assert (status, code_of(answer)) == (401, "not_signed")


async def test_who_signs_out_is_out_whoever_still_has_the_cookie(doors, visitor):
    async with doors.http.delete(
        doors.url + PATH, headers={"Cookie": f"bwx_session={visitor.cookie}", "BWX-CSRF": visitor.csrf}
    ) as response:
        assert response.status == 200
        assert SimpleCookie(response.headers["Set-Cookie"])["bwx_session"]["max-age"] == "0"
    assert code_of((await visitor.ask("GET", "/v1/account"))[1]) == "not_signed_in"
    assert code_of((await visitor.change("DELETE", PATH))[1]) == "not_signed_in"


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "é", "a" * 8_000], ids=lambda text: text[:4])
async def test_a_cookie_of_nobody_is_refused_by_name_and_opens_what_is_public(doors, cookie):
    stranger = Visitor(doors, cookie)
    for path in (PATH, "/v1/account"):
        status, answer = await stranger.ask("GET", path)
        assert (status, code_of(answer)) == (401, "not_signed_in")
    assert (await stranger.ask("GET", "/v1/status"))[0] == 200


async def test_a_sign_in_ends_after_its_time_however_much_it_is_used(serve):
    async with serve(sign_in_s=0.4) as doors:
        visitor = await sign_in(doors, await doors.account("alice"))
        ends_s = time.monotonic() + 5
        while (await visitor.ask("GET", PATH))[0] == 200:
            assert time.monotonic() < ends_s
            await asyncio.sleep(0.05)
        assert len(doors.gateway.sign_ins) == 0


async def test_a_sign_in_that_nobody_uses_ends_and_one_that_is_used_goes_on(serve):
    async with serve(sign_in_idle_s=0.5) as doors:
        key = await doors.account("alice")
        left, used = await sign_in(doors, key), await sign_in(doors, key)
        for _ in range(8):
            await asyncio.sleep(0.1)
            assert (await used.ask("GET", PATH))[0] == 200
        assert code_of((await left.ask("GET", PATH))[1]) == "not_signed_in"
        assert len(doors.gateway.sign_ins) == 1


async def test_a_sign_in_ends_with_its_key(doors, key, visitor):
    other = await sign_in(doors, await doors.account("alice"))
    status, _ = await other.change("DELETE", f"/v1/keys/{key.key_id}")
    assert status == 200
    assert code_of((await visitor.ask("GET", "/v1/account"))[1]) == "not_signed_in"
    assert (await other.ask("GET", "/v1/account"))[0] == 200
    ending = doors.keys.create(key.account_id, ["trader"], expires_ns=time.time_ns() + 400_000_000)
    brief = await sign_in(doors, ending)
    await until(lambda: len(doors.gateway.sign_ins) == 1)
    assert code_of((await brief.ask("GET", "/v1/account"))[1]) == "not_signed_in"


async def test_a_cookie_that_comes_from_where_its_key_may_not_be_used_ends_the_sign_in(doors, key):
    bound = doors.keys.create(key.account_id, ["trader"], networks=["127.0.0.1"])
    visitor = await sign_in(doors, bound)
    kept: SignIns = doors.gateway.sign_ins
    with pytest.raises(Exception, match="may not be used from this address"):
        kept.find(visitor.cookie, "192.0.2.7")
    assert code_of((await visitor.ask("GET", PATH))[1]) == "not_signed_in"


async def test_the_oldest_sign_in_of_a_key_makes_room_and_no_more_than_so_many_are_kept_in_all(serve):
    async with serve(sign_ins_per_key_max=2, sign_ins_max=3) as doors:
        alice, bob = await doors.account("alice"), await doors.account("bob")
        visitors = [await sign_in(doors, alice) for _ in range(3)]
        statuses = [(await each.ask("GET", PATH))[0] for each in visitors]
        assert statuses == [401, 200, 200]
        await sign_in(doors, bob)
        status, answer, cookies = await post_session(doors, bob)
        assert (status, code_of(answer), cookies) == (429, "too_many_sign_ins", [])
        assert (await sign_in(doors, alice)).cookie, "a key that is at its limit takes the place of its own oldest"


async def test_a_sign_in_may_no_more_than_its_key(doors, key):
    reader = doors.keys.create(key.account_id, ["trader"], scopes=["read"])
    visitor = await sign_in(doors, reader)
    assert (await visitor.ask("GET", "/v1/account"))[0] == 200
    for method, path in (("POST", "/v1/orders"), ("POST", "/v1/keys")):
        assert code_of((await visitor.change(method, path, order(doors)))[1]) == "scope_missing"
    trader = await sign_in(doors, key)
    for path in ("/v1/admin/withdrawals", "/v1/admin/keys", "/v1/admin/kill-switch"):
        assert code_of((await trader.change("POST", path, b"{}"))[1]) == "role_missing"


async def test_a_cookie_pays_from_the_budget_of_its_account(serve):
    async with serve(account_weight_burst=60, account_weight_per_s=1) as doors:
        key = await doors.account("alice")
        visitor = await sign_in(doors, key)
        for _ in range(19):
            await visitor.ask("GET", "/v1/account")
        status, answer = await doors.ask("GET", "/v1/margin", key)
        assert (status, code_of(answer)) == (429, "rate_limited")


async def test_a_socket_of_our_own_page_is_logged_in_and_ends_with_the_sign_in(doors, visitor):
    async with visitor.connect(doors.url) as socket:
        await socket.send_json({"op": "subscribe", "id": 1, "channel": "orders"})
        answers = [await socket.receive_json(timeout=5) for _ in range(2)]
        assert any(answer.get("ok") for answer in answers)
        await socket.send_json({"op": "place", "id": 2, **order(doors)})
        await visitor.change("DELETE", PATH)
        while (frame := await socket.receive(timeout=5)).type is WSMsgType.TEXT:
            pass
        assert (frame.type, frame.data, frame.extra) == (WSMsgType.CLOSE, 4003, "signed_out")
    assert doors.gateway.limits._by_key.total() == 0


async def test_a_socket_without_our_origin_is_not_logged_in_by_a_cookie(doors, visitor):
    async with visitor.connect() as socket:
        await socket.send_json({"op": "subscribe", "id": 1, "channel": "orders"})
        assert code_of(await socket.receive_json(timeout=5)) == "not_logged_in"
    with pytest.raises(WSServerHandshakeError) as refused:
        await visitor.connect(FOREIGN)
    assert refused.value.status == 403


async def test_a_socket_with_the_cookie_of_nobody_hears_what_is_public(doors):
    async with Visitor(doors, "A" * 43).connect(doors.url) as socket:
        await socket.send_json({"op": "subscribe", "id": 1, "channel": "ticker"})
        answers = [await socket.receive_json(timeout=5) for _ in range(2)]
        assert any(answer.get("ok") for answer in answers)


async def test_a_socket_ends_when_its_sign_in_ends_by_itself(serve):
    async with serve(sign_in_s=0.3) as doors:
        visitor = await sign_in(doors, await doors.account("alice"))
        async with visitor.connect(doors.url) as socket:
            frame = await socket.receive(timeout=5)
            assert (frame.data, frame.extra) == (4003, "signed_out")


async def test_a_socket_that_logs_out_is_nobodys_and_goes_on(doors, visitor):
    async with visitor.connect(doors.url) as socket:
        await socket.send_json({"op": "logout", "id": 1})
        assert (await socket.receive_json(timeout=5))["ok"]
        await visitor.change("DELETE", PATH)
        await socket.send_json({"op": "subscribe", "id": 2, "channel": "orders"})
        assert code_of(await socket.receive_json(timeout=5)) == "not_logged_in"


async def page(doors, path, visitor=None):
    headers = {} if visitor is None else {"Cookie": f"bwx_session={visitor.cookie}"}
    async with doors.http.get(doors.url + path, headers=headers) as response:
        return response.status, await response.text()


async def test_the_risk_page_opens_for_its_roles_and_tells_others_what_to_do(doors, visitor):
    status, text = await page(doors, "/risk", visitor)
    assert (status, "This page is for risk staff" in text) == (403, True)
    for role in ("risk", "admin"):
        staff = await sign_in(doors, await doors.account("carol", (role,)))
        status, text = await page(doors, "/risk", staff)
        assert (status, "This page is for risk staff" in text) == (200, False)
        assert (await staff.ask("GET", "/v1/admin/risk"))[0] == 200
    assert (await page(doors, "/risk"))[0] == 200
    assert code_of((await visitor.ask("GET", "/v1/admin/risk"))[1]) == "role_missing"
    for path in ("/refused.html", "/shell.html", "/risk.html"):
        assert (await page(doors, path))[0] == 404


async def test_risk_staff_end_risk_and_administer_nothing(doors):
    await doors.account("alice")
    staff = await sign_in(doors, doors.keys.create(0, ["risk"]))
    assert (await staff.change("POST", "/v1/admin/kill-switch", {"account": "alice"}))[0] == 200
    entries = (await staff.ask("GET", "/v1/admin/audit"))[1]["entries"]
    assert entries[0]["action"] == "POST /v1/admin/kill-switch"
    for path, body in (("deposits", {}), ("withdrawals", {}), ("keys", {}), ("accounts", {}), ("insurance-fund", {})):
        assert code_of((await staff.change("POST", f"/v1/admin/{path}", body))[1]) == "role_missing"
