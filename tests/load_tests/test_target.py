"""Load goes to this machine, and elsewhere only where somebody names the host on purpose."""

import pytest

from load_tests.target import OPTION, refusal_of


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost", "https://[::1]:8443", "http://127.9.9.9:1"]
)
def test_this_machine_may_be_loaded(url: str) -> None:
    assert refusal_of(url, None) is None


@pytest.mark.parametrize("host", ["exchange.example", "10.0.0.7", "0.0.0.0", "127.0.0.1.example"])
def test_another_host_is_refused_unless_it_is_named_once_more(host: str) -> None:
    url = f"http://{host}:8080"
    refusal = refusal_of(url, None)
    assert refusal is not None
    assert f"{OPTION} {host}" in refusal
    assert refusal_of(url, "other.example") is not None
    assert refusal_of(url, host) is None


@pytest.mark.parametrize("url", ["", "127.0.0.1", "ftp://127.0.0.1", "http://", "http://[", "exchange.example"])
def test_what_is_no_address_is_refused_whatever_is_named(url: str) -> None:
    refusal = refusal_of(url, "exchange.example")
    assert refusal is not None
    assert "no address" in refusal
