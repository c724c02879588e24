"""What an operator may set about the store, and about marks and margin."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from exchange.parameters import ParameterSettings

MEBI = 1 << 20


class StoreSettings(BaseSettings):
    """Each can be set by an environment variable, `BWX_STORE_` and its name."""

    model_config = SettingsConfigDict(env_prefix="BWX_STORE_", frozen=True, extra="forbid")

    # Disk kept for cancels and the kill switch: half a million single cancels, or as many as are sent together.
    reserve_bytes: int = Field(default=64 * MEBI, ge=0)
    # Orders for which memory is there from the start, beside those that rest: some 1,500 bytes each.
    orders_ahead: int = Field(default=1 << 17, ge=0, le=1 << 24)


class PricingSettings(BaseSettings):
    """How marks and shocks are kept up to date. Each can be set by a variable, `BWX_PRICING_` and its name.

    What is within `parameters` has its path in the name, as in `BWX_PRICING_PARAMETERS__FORWARD__TRADE_GROUPS_MIN`.
    """

    model_config = SettingsConfigDict(env_prefix="BWX_PRICING_", env_nested_delimiter="__", frozen=True, extra="forbid")

    # A mark moves by a step in each round: 5 per cent in so many seconds is a factor of 1.3 a minute.
    interval_s: float = Field(default=10.0, gt=0, le=3_600)
    # A storm may need a while, and what nobody remembers must not stand for ever.
    override_s: float = Field(default=3_600.0, gt=0, le=7 * 86_400)
    # Of a tranche. The newest count: a half-life is five minutes. With 300 tranches this is half a second of one core.
    trades_kept: int = Field(default=200, gt=0, le=100_000)
    # Commands that are under way at a time: their margining anew must not keep orders waiting for long.
    portion_rows: int = Field(default=32, gt=0, le=1_024)
    # Of the largest shock, for each lot beyond what can be closed out within the horizon.
    concentration_fraction: float = Field(default=0.5, ge=0, le=1)
    parameters: ParameterSettings = ParameterSettings()
