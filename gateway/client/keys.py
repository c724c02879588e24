"""The part of the client that is about keys."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

from gateway.client.models import Answer


class Key(Answer):
    """A key as it is listed; None is no limit."""

    key_id: str
    account: str | None
    kind: str
    public_key: str | None
    roles: list[str]
    scopes: list[str]
    networks: list[str]
    expires_time: datetime | None
    made_by: str | None
    created: datetime


class NewKey(Key):
    """A key with its secret, told once; none for a key of Ed25519."""

    secret: str | None

    def __repr__(self) -> str:
        return f"NewKey({self.key_id}, {self.account}, {self.roles})"

    __str__ = __repr__


class KeyFields(TypedDict, total=False):
    """What a key may do, as far as it is said."""

    scopes: list[str]
    networks: list[str]
    expires_time: str
    public_key: str


class KeyCalls:
    """What can be asked about keys; the client inherits it."""

    async def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request: the client knows how."""
        raise NotImplementedError

    async def create_key(
        self, account: str | None, roles: Iterable[str] = ("trader",), **terms: Unpack[KeyFields]
    ) -> NewKey:
        """A new key, by an administrator. A retry after a lost answer makes another one."""
        fields = {"account": account, "roles": list(roles), **terms}
        return NewKey.model_validate(await self.ask("POST", "/v1/admin/keys", fields))

    async def create_own_key(self, roles: Iterable[str] | None = None, **terms: Unpack[KeyFields]) -> NewKey:
        """A new key for the own account, that may do no more than the one that signs."""
        fields = ({} if roles is None else {"roles": list(roles)}) | terms
        return NewKey.model_validate(await self.ask("POST", "/v1/keys", fields))

    async def own_keys(self) -> list[Key]:
        """All keys of the own account."""
        return [Key.model_validate(row) for row in (await self.ask("GET", "/v1/keys"))["keys"]]

    async def keys_of(self, account: str | None) -> list[Key]:
        """All keys of any account, or of none, for an administrator."""
        answer = await self.ask("GET", "/v1/admin/keys", query={"account": account})
        return [Key.model_validate(row) for row in answer["keys"]]

    async def revoke_key(self, key_id: str, *, with_made: bool = False, any_account: bool = False) -> list[str]:
        """Take a key away, and those that were made with it; of any account for an administrator. Their ids."""
        path = f"{'/v1/admin/keys' if any_account else '/v1/keys'}/{quote(key_id, safe='')}"
        return list((await self.ask("DELETE", path, query={"with_made": str(with_made).lower()}))["revoked"])
