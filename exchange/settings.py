"""What an operator may set about the store."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBI = 1 << 20


class StoreSettings(BaseSettings):
    """Each can be set by an environment variable, `BWX_STORE_` and its name."""

    model_config = SettingsConfigDict(env_prefix="BWX_STORE_", frozen=True, extra="forbid")

    # Disk kept for cancels and the kill switch: half a million single cancels, or as many as are sent together.
    reserve_bytes: int = Field(default=64 * MEBI, ge=0)
