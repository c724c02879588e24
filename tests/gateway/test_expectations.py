"""What requests expect: nothing but 100-continue is met, and all else refused by name, whatever its bytes."""

import orjson
import pytest

from tests.gateway.wire import HOST, dial


@pytest.mark.parametrize("path", [b"/v1/time", b"/v1/orders", b"/nowhere", b"/"])
@pytest.mark.parametrize("expectation", [b"\xff", b"200-ok", b"100-continue, \xe9", b"caf\xc3\xa9"])
async def test_what_cannot_be_met_is_refused_by_name_and_the_connection_closed(doors, path, expectation):
    async with dial(doors) as wire:
        wire.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Expect: " + expectation + b"\r\n\r\n")
        status, body = await wire.answer()
        assert status == b"HTTP/1.1 417 Expectation Failed"
        assert orjson.loads(body)["error"]["code"] == "expectation_failed"
        assert await wire.rest() == b""


async def test_who_waits_for_a_sign_to_go_on_gets_it(doors):
    async with dial(doors) as wire:
        wire.send(b"POST /v1/orders HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nExpect: 100-Continue\r\n\r\n")
        assert (await wire.head()).startswith(b"HTTP/1.1 100 Continue")
        wire.send(b"{}")
        status, body = await wire.answer()
        assert (status, orjson.loads(body)["error"]["code"]) == (b"HTTP/1.1 401 Unauthorized", "not_signed")
