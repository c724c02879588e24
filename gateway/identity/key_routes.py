"""Keys at the doors: of one's own account, and of any account for administrators.

A key gives no more than it has. A revoked key opens nothing from then on, and its connections are closed.
"""

import asyncio
import time
from collections.abc import Iterable

from aiohttp import web

from gateway.encoding.codec import account_id_of
from gateway.encoding.requests import NoQuery, Role
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, body_of, query_of, signed_by
from gateway.identity.ed25519 import is_safe_public_key
from gateway.identity.key_requests import KeyRequest, KeysQuery, OwnKeyRequest, RevokeQuery
from gateway.identity.key_terms import ApiKey, KeyTerms, Scope, check_gift, networks_of, terms_row
from gateway.identity.keys import NO_ACCOUNT
from gateway.identity.staff import administrator

CREATED = 201
OWN_SCOPES = frozenset({Scope.READ, Scope.TRADE})
"""What a key gives unless more is asked for: one that makes keys is hard to be rid of."""


def add_key_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/keys", get_own_keys)
    router.add_post("/v1/keys", create_own_key)
    router.add_delete("/v1/keys/{key_id}", revoke_own_key)
    router.add_get("/v1/admin/keys", get_keys)
    router.add_post("/v1/admin/keys", create_key)
    router.add_delete("/v1/admin/keys/{key_id}", revoke_key)


async def get_own_keys(request: web.Request) -> web.Response:
    """The keys of the account that signs, the oldest first, without their secrets."""
    key = await signed_by(request, *Role)
    query_of(request, NoQuery)
    return _listed(request.app[GATEWAY], key.account_id)


async def create_own_key(request: web.Request) -> web.Response:
    """A key that may do no more than the one that signs; its secret is told this once."""
    maker = await signed_by(request, *Role)
    query_of(request, NoQuery)
    wanted = await body_of(request, OwnKeyRequest)
    terms = KeyTerms(
        maker.account_id,
        maker.roles if wanted.roles is None else frozenset(map(Role, wanted.roles)),
        maker.terms.scopes & OWN_SCOPES if wanted.scopes is None else frozenset(map(Scope, wanted.scopes)),
        maker.terms.networks if wanted.networks is None else _networks(wanted),
        maker.terms.expires_ns if wanted.expires_time is None else _expiry(wanted),
    )
    check_gift(maker.terms, terms)
    return await _create(request.app[GATEWAY], terms, wanted.public_key, made_by=maker.key_id)


async def revoke_own_key(request: web.Request) -> web.Response:
    """Take a key of the own account away, the one that signs included."""
    account_id = (await signed_by(request, *Role)).account_id
    query = query_of(request, RevokeQuery)
    gateway = request.app[GATEWAY]
    key = gateway.keys.find(request.match_info["key_id"])
    if key is None or key.account_id != account_id:
        raise ApiError(DoorError.NOT_FOUND, "the account has no such key")
    return await _revoke(gateway, key, query)


async def get_keys(request: web.Request) -> web.Response:
    """The keys of any account."""
    gateway = await administrator(request)
    name = query_of(request, KeysQuery).account
    return _listed(gateway, NO_ACCOUNT if name is None else account_id_of(gateway.exchange.view, name))


async def create_key(request: web.Request) -> web.Response:
    """A key for any account. One that administers may do no more than the one that signs."""
    maker = await signed_by(request, Role.ADMIN)
    gateway = request.app[GATEWAY]
    query_of(request, NoQuery)
    wanted = await body_of(request, KeyRequest)
    is_trading = not set(wanted.roles) <= {Role.ADMIN, Role.RISK}
    if wanted.account is None and is_trading:
        raise ApiError(DoorError.MISSING_FIELD, "account: a key that trades needs one", "account")
    terms = KeyTerms(
        NO_ACCOUNT if wanted.account is None else account_id_of(gateway.exchange.view, wanted.account),
        frozenset(map(Role, wanted.roles)),
        frozenset(Scope) if wanted.scopes is None else frozenset(map(Scope, wanted.scopes)),
        () if wanted.networks is None else _networks(wanted),
        0 if wanted.expires_time is None else _expiry(wanted),
    )
    if not terms.roles.isdisjoint({Role.ADMIN, Role.RISK}):
        check_gift(maker.terms._replace(roles=frozenset(Role)), terms)
    return await _create(gateway, terms, wanted.public_key)


async def revoke_key(request: web.Request) -> web.Response:
    """Take any key away."""
    gateway = await administrator(request)
    query = query_of(request, RevokeQuery)
    key = gateway.keys.find(request.match_info["key_id"])
    if key is None:
        raise ApiError(DoorError.NOT_FOUND, "there is no such key")
    return await _revoke(gateway, key, query)


def _listed(gateway: Gateway, account_id: int) -> web.Response:
    return answer({"keys": [_key_row(gateway, key) for key in gateway.keys.of_account(account_id)]})


async def _create(gateway: Gateway, terms: KeyTerms, public_key: str | None, *, made_by: str = "") -> web.Response:
    if len(gateway.keys.of_account(terms.account_id)) >= gateway.settings.keys_per_account_max:
        raise ApiError(DoorError.TOO_MANY_KEYS)
    public = bytes.fromhex(public_key or "")
    if public and not is_safe_public_key(public):
        raise ApiError(DoorError.WEAK_PUBLIC_KEY, param="public_key")
    key = await asyncio.to_thread(gateway.keys.add, terms, public_key=public, made_by=made_by)
    return answer(_key_row(gateway, key) | {"secret": key.secret or None}, CREATED)


async def _revoke(gateway: Gateway, key: ApiKey, query: RevokeQuery) -> web.Response:
    keys = [key, *gateway.keys.made_with(key.key_id)] if query.with_made == "true" else [key]
    key_ids = [each.key_id for each in keys]
    await asyncio.to_thread(gateway.keys.revoke, key_ids)
    gateway.sign_ins.end_of_keys(key_ids)
    _close_connections(gateway, key_ids)
    return answer({"revoked": key_ids})


def _close_connections(gateway: Gateway, key_ids: Iterable[str]) -> None:
    for session in tuple(gateway.sessions):
        session.drop(frozenset(key_ids))


def _key_row(gateway: Gateway, key: ApiKey) -> Row:
    """What is told of a key: never its secret."""
    account = gateway.exchange.view.accounts.get(key.account_id)
    return {"key_id": key.key_id, "account": account.name if account else None} | terms_row(key)


def _networks(wanted: OwnKeyRequest) -> tuple[str, ...]:
    try:
        return networks_of(wanted.networks or ())
    except ValueError as error:
        raise ApiError(DoorError.INVALID_VALUE, f"networks: {error}", "networks") from None


def _expiry(wanted: OwnKeyRequest) -> int:
    expires_ns = wanted.expires_time or 0
    if expires_ns <= time.time_ns():
        raise ApiError(DoorError.INVALID_VALUE, "expires_time: it must lie in the future", "expires_time")
    return expires_ns
