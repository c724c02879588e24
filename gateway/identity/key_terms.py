"""What a key is and what it may do: roles, scopes, from where, until when; and that it gives no more than it has."""

import ipaddress
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from gateway.encoding.fields import time_text
from gateway.encoding.requests import Role
from gateway.errors import ApiError, DoorError


class Scope(StrEnum):
    """Which requests of its roles a key may make. Money leaves an account by administrators alone."""

    READ = "read"
    """Reads, what-if, channels."""
    TRADE = "trade"
    """Whatever changes something, but for keys."""
    KEYS = "keys"
    """Make and revoke keys."""


ALL_SCOPES = frozenset(Scope)
_READS_BY_POST = frozenset({"/v1/session", "/v1/margin/what-if", "/v1/admin/risk/{name}/what-if", "/v1/risk/shock"})
_KEY_PATHS = ("/v1/keys", "/v1/admin/keys")


class KeyTerms(NamedTuple):
    """What a key may do."""

    account_id: int
    roles: frozenset[Role]
    scopes: frozenset[Scope] = ALL_SCOPES
    networks: tuple[str, ...] = ()
    """From where it may be used; from everywhere if empty."""
    expires_ns: int = 0
    """When it ends, by the system's clock; 0 for never."""


class ApiKey(NamedTuple):
    """A key with its secret, which `repr` keeps to itself."""

    key_id: str
    secret: str
    """Of HMAC-SHA256; empty for a key of Ed25519, whose private half the exchange never sees."""
    terms: KeyTerms
    created_ns: int
    public_key: bytes = b""
    made_by: str = ""
    """The key with which it was made; empty for one made by an administrator or beside the store."""

    @property
    def account_id(self) -> int:
        """Whose key it is."""
        return self.terms.account_id

    @property
    def roles(self) -> frozenset[Role]:
        """What it may do at all."""
        return self.terms.roles

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id}, account {self.account_id}, {sorted(self.roles)})"


def scope_of_route(method: str, path: str | None) -> Scope:
    """What a signed request needs; `path` is that of its route."""
    if method in ("GET", "HEAD") or path in _READS_BY_POST:
        return Scope.READ
    return Scope.KEYS if path is not None and path.startswith(_KEY_PATHS) else Scope.TRADE


def check_use(terms: KeyTerms, address: str, now_ns: int) -> None:
    """Raises ApiError when a key may not be used now, or from there."""
    if terms.expires_ns and terms.expires_ns <= now_ns:
        raise ApiError(DoorError.KEY_EXPIRED)
    if terms.networks and not _is_within(address, terms.networks):
        raise ApiError(DoorError.ADDRESS_NOT_ALLOWED)


def require_scope(terms: KeyTerms, scope: Scope) -> None:
    """Raises ApiError unless a key has a scope."""
    if scope not in terms.scopes:
        raise ApiError(DoorError.SCOPE_MISSING, f"this needs a key with the scope {scope}")


def check_gift(giver: KeyTerms, wanted: KeyTerms) -> None:
    """Raises ApiError when one key would make another that may do more than itself."""
    if not wanted.roles <= giver.roles:
        raise ApiError(DoorError.EXCEEDS_KEY, param="roles")
    if not wanted.scopes <= giver.scopes:
        raise ApiError(DoorError.EXCEEDS_KEY, param="scopes")
    if giver.networks and not _are_within(wanted.networks, giver.networks):
        raise ApiError(DoorError.EXCEEDS_KEY, param="networks")
    if giver.expires_ns and not 0 < wanted.expires_ns <= giver.expires_ns:
        raise ApiError(DoorError.EXCEEDS_KEY, param="expires_time")


def networks_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Networks as they are kept; an address is a network of one. Raises ValueError."""
    return tuple(dict.fromkeys(str(ipaddress.ip_network(text)) for text in texts))


def terms_row(key: ApiKey) -> dict[str, object]:
    """What is told of a key: never its secret."""
    terms = key.terms
    return {
        "kind": "ed25519" if key.public_key else "hmac-sha256",
        "public_key": key.public_key.hex() or None,
        "roles": sorted(terms.roles),
        "scopes": sorted(terms.scopes),
        "networks": list(terms.networks),
        "expires_time": time_text(terms.expires_ns) if terms.expires_ns else None,
        "made_by": key.made_by or None,
        "created": time_text(key.created_ns),
    }


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A socket for both families shows addresses of the older one within the newer.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in ipaddress.ip_network(each) for each in networks)


def _are_within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return bool(inner) and all(any(_is_subnet(each, of) for of in outer) for each in inner)


def _is_subnet(inner: str, outer: str) -> bool:
    one, other = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.subnet_of(other)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return one.subnet_of(other)
    return False
