"""What may be asked about keys."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.encoding.fields import UtcTimeNs
from gateway.encoding.requests import NoQuery, Role, ShortText

NETWORKS_MAX = 16
PUBLIC_KEY_TEXT = r"^[0-9a-f]{64}$"

RoleName = Literal["trader", "provider", "market_maker", "reporter", "admin", "risk"]
ScopeName = Literal["read", "trade", "keys"]
Roles = Annotated[list[RoleName], Field(min_length=1, max_length=len(Role))]


class OwnKeyRequest(BaseModel):
    """A new key for the account of the key that signs; what is not said is as it is of that key."""

    model_config = NoQuery.model_config

    roles: Roles | None = None
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=3)] | None = None
    networks: Annotated[list[ShortText], Field(max_length=NETWORKS_MAX)] | None = None
    expires_time: UtcTimeNs | None = None
    public_key: Annotated[str, Field(pattern=PUBLIC_KEY_TEXT)] | None = None


class KeyRequest(OwnKeyRequest):
    """A new key for any account; one for administrators alone needs none."""

    account: ShortText | None = None
    roles: Roles


class RevokeQuery(BaseModel):
    """Whether the keys that were made with a key go with it."""

    model_config = NoQuery.model_config

    with_made: Literal["true", "false"] = "false"


class KeysQuery(BaseModel):
    """Whose keys; without a name those that belong to no account."""

    model_config = NoQuery.model_config

    account: ShortText | None = None
