"""What keys may do, and that none gives more than it has."""

import pytest

from gateway.encoding.requests import Role
from gateway.errors import ApiError
from gateway.identity.key_terms import (
    KeyTerms,
    Scope,
    check_gift,
    check_use,
    networks_of,
    require_scope,
    scope_of_route,
)

FULL = KeyTerms(7, frozenset({Role.TRADER, Role.PROVIDER}))


def refusal_of(call, *arguments):
    with pytest.raises(ApiError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/account", Scope.READ),
        ("HEAD", "/v1/account", Scope.READ),
        ("GET", "/v1/keys", Scope.READ),
        ("POST", "/v1/margin/what-if", Scope.READ),
        ("POST", "/v1/orders", Scope.TRADE),
        ("DELETE", "/v1/orders/{order_id}", Scope.TRADE),
        ("POST", "/v1/admin/deposits", Scope.TRADE),
        ("POST", "/v1/keys", Scope.KEYS),
        ("DELETE", "/v1/keys/{key_id}", Scope.KEYS),
        ("POST", "/v1/admin/keys", Scope.KEYS),
        ("DELETE", "/v1/admin/keys/{key_id}", Scope.KEYS),
    ],
)
def test_each_request_needs_one_scope(method, path, scope):
    assert scope_of_route(method, path) is scope
    require_scope(FULL, scope)
    assert refusal_of(require_scope, FULL._replace(scopes=frozenset(Scope) - {scope}), scope).code == "scope_missing"


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("10.1.2.3", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::9", True),
        ("2001:db9::9", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:11.0.0.1", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_a_key_with_networks_is_taken_from_them_alone(address, is_taken):
    terms = FULL._replace(networks=networks_of(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]))
    if is_taken:
        check_use(terms, address, 0)
    else:
        assert refusal_of(check_use, terms, address, 0).code == "address_not_allowed"
    check_use(FULL, address, 0)


def test_a_key_ends_when_it_says():
    terms = FULL._replace(expires_ns=1_000)
    check_use(terms, "", 999)
    assert refusal_of(check_use, terms, "", 1_000).code == "key_expired"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "nowhere", "", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=r"network|host bits"):
        networks_of([text])


GIVER = KeyTerms(7, frozenset({Role.TRADER}), frozenset({Scope.READ, Scope.KEYS}), ("10.0.0.0/8", "2001:db8::/32"), 900)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"roles": frozenset({Role.TRADER, Role.ADMIN})}, "roles"),
        ({"roles": frozenset({Role.MARKET_MAKER})}, "roles"),
        ({"scopes": frozenset({Scope.TRADE})}, "scopes"),
        ({"networks": ()}, "networks"),
        ({"networks": ("10.0.0.0/7",)}, "networks"),
        ({"networks": ("10.1.0.0/16", "11.0.0.1/32")}, "networks"),
        ({"networks": ("::/0",)}, "networks"),
        ({"expires_ns": 0}, "expires_time"),
        ({"expires_ns": 901}, "expires_time"),
    ],
    ids=[
        *(
            "an administrator",
            "a market maker",
            "trade",
            "everywhere",
            "wider",
            "beside",
            "all of the sixth",
            "never",
            "later",
        )
    ],
)
def test_a_key_gives_no_more_than_it_has(change, param):
    refusal = refusal_of(check_gift, GIVER, GIVER._replace(**change))
    assert (refusal.code, refusal.param) == ("exceeds_key", param)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"scopes": frozenset({Scope.READ})},
        {"networks": ("10.1.0.0/16", "2001:db8:1::/48")},
        {"expires_ns": 1},
    ],
    ids=str,
)
def test_a_key_gives_what_it_has_or_less(change):
    check_gift(GIVER, GIVER._replace(**change))
    check_gift(FULL, GIVER._replace(**change))
