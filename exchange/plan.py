"""A market plan: the regions and rolling calendars that an operator wants, as a TOML file or made by a program.

    [[regions]]
    code = "eu-fra"

    [[series]]
    region = "eu-fra"
    tier = "ef"
    window = "PT1H"
    reference_price = "0.040500"   # USD per Mbps-hour
    gate_lead_s = 900              # gate closure this long before the window starts
    horizon_s = 21600              # listed this long before the window starts
    opening_auction_s = 60         # orders collect for so long before trading begins; 0, the default, for no auction
    closing_auction_s = 120        # the last auction begins this long before the gate; 0, the default, for none
    maker_fee_ppm = -20            # of what is traded, in parts of a million; negative for a rebate; 0 by default
    taker_fee_ppm = 50

    [series.delivery]              # without it, windows are settled in cash at their gate
    slot_s = 60                    # delivery is measured over slots of so many seconds
    shortfall_fee_ppm = 200000     # of the price, for what is missing, beside what it costs elsewhere
    penalty_ppm = 100000           # of the price at which who is not funded or not covered is cashed out
    grace_s = 300                  # reports of a slot are taken for so long after its end
    dispute_s = 3600               # corrections are made for so long after the last slot

`apply_plan` adds what the exchange does not have yet; it changes and removes nothing.
"""

import asyncio
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from exchange import clearing_commands, commands
from exchange.service import Exchange, Reply
from exchange.symbols import NANO_PER_S, SymbolError, is_region, parse_duration
from exchange.units import UnitError, parse_ticks
from exchange.venue.clearing import gate_schema
from exchange.venue.clearing.schema import SLOT_S_MIN
from exchange.venue.schema import Reject, Tier
from matching.schema import EventKind
from risk.schema import FEE_PPM_MAX, PPM


class PlanError(ValueError):
    """A plan that cannot be carried out; `str` says which part, and why."""


class RegionPlan(BaseModel):
    """A region by its code."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str

    @field_validator("code")
    @classmethod
    def _is_region(cls, code: str) -> str:
        if not is_region(code):
            raise ValueError(f"{code!r} is not a region such as eu-fra or eu-fra_us-iad")
        return code


class DeliveryPlan(BaseModel):
    """How windows of a series are delivered. Shares are in parts of a million."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    slot_s: Annotated[int, Field(ge=SLOT_S_MIN)]
    latency_max_us: Annotated[int, Field(ge=0, le=gate_schema.LATENCY_US_MAX)] = 0
    loss_max_ppm: Annotated[int, Field(ge=0, le=PPM)] = 0
    shortfall_fee_ppm: Annotated[int, Field(ge=0, le=gate_schema.SHORTFALL_FEE_PPM_MAX)] = 0
    clearing_fee_ppm: Annotated[int, Field(ge=0, le=gate_schema.CLEARING_FEE_PPM_MAX)] = 0
    burn_ppm: Annotated[int, Field(ge=0, le=PPM)] = 0
    penalty_ppm: Annotated[int, Field(ge=0, le=gate_schema.PENALTY_PPM_MAX)] = 0
    interruption_ppm: Annotated[int, Field(ge=0, le=gate_schema.INTERRUPTION_PPM_MAX)] = 0
    grace_s: Annotated[int, Field(ge=0, le=gate_schema.DAY_S)] = 0
    dispute_s: Annotated[int, Field(ge=0, le=gate_schema.DAY_S)] = 0


class SeriesPlan(BaseModel):
    """A rolling calendar of one region, tier and window length."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    region: str
    tier: str
    window: str
    reference_price: str
    gate_lead_s: Annotated[int, Field(ge=0)]
    horizon_s: Annotated[int, Field(gt=0)]
    price_step: str = "0.000001"
    quantity_step: Annotated[int, Field(gt=0)] = 1
    quantity_max: Annotated[int, Field(gt=0)] = 1_000_000
    band_bps: Annotated[int, Field(gt=0)] = 5_000
    opening_auction_s: Annotated[int, Field(ge=0, lt=1 << 16)] = 0
    closing_auction_s: Annotated[int, Field(ge=0, lt=1 << 16)] = 0
    maker_fee_ppm: Annotated[int, Field(ge=-FEE_PPM_MAX, le=FEE_PPM_MAX)] = 0
    taker_fee_ppm: Annotated[int, Field(ge=0, le=FEE_PPM_MAX)] = 0
    delivery: DeliveryPlan | None = None

    @field_validator("tier")
    @classmethod
    def _is_tier(cls, tier: str) -> str:
        if tier.upper() not in Tier.__members__:
            raise ValueError(f"{tier!r} is not one of ef, af, be")
        return tier

    @field_validator("window")
    @classmethod
    def _is_duration(cls, window: str) -> str:
        try:
            parse_duration(window)
        except SymbolError as error:
            raise ValueError(str(error)) from None
        return window

    @field_validator("reference_price", "price_step")
    @classmethod
    def _is_price(cls, price: str) -> str:
        try:
            positive = parse_ticks(price) > 0
        except UnitError as error:
            raise ValueError(str(error)) from None
        if not positive:
            raise ValueError(f"{price!r} is not above zero")
        return price

    @property
    def key(self) -> tuple[str, str, int]:
        """What one exchange has at most one series of."""
        return self.region, self.tier, parse_duration(self.window)


class MarketPlan(BaseModel):
    """Everything that an exchange is to list."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    regions: list[RegionPlan]
    series: list[SeriesPlan]

    @model_validator(mode="after")
    def _names_its_regions(self) -> "MarketPlan":
        known = {region.code for region in self.regions}
        unknown = sorted({series.region for series in self.series} - known)
        if unknown:
            raise ValueError(f"series name regions that the plan does not have: {', '.join(unknown)}")
        keys = [series.key for series in self.series]
        if len(set(keys)) < len(keys) or len(known) < len(self.regions):
            raise ValueError("a region, or a series of the same region, tier and window, is named twice")
        return self


def read_plan(path: Path) -> MarketPlan:
    """Read a plan from a TOML file. Raises PlanError."""
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return MarketPlan.model_validate(content)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlanError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlanError(f"{path}: {where}: {first['msg']}") from error


async def apply_plan(exchange: Exchange, plan: MarketPlan) -> int:
    """Define the regions and series that the exchange does not have, and return how many. Raises PlanError."""
    added = 0
    for region in plan.regions:
        if region.code not in exchange.view.regions.values():
            await _submit(exchange, commands.define_region(len(exchange.view.regions) + 1, region.code), region.code)
            added += 1
    present = {
        (exchange.view.regions[terms.region_id], Tier(terms.tier).name.lower(), terms.duration_s)
        for terms in exchange.view.series.values()
    }
    region_ids = {code: region_id for region_id, code in exchange.view.regions.items()}
    for series in plan.series:
        if series.key not in present:
            await _submit_series(exchange, series, region_ids[series.region])
            added += 1
    return added


def _define(exchange: Exchange, series: SeriesPlan, region_id: int) -> Any:
    """The first window starts at the last full multiple of its length; the venue skips those whose gate has closed."""
    duration_s = parse_duration(series.window)
    duration_ns = duration_s * NANO_PER_S
    return commands.define_series(
        len(exchange.view.series) + 1,
        region_id,
        Tier[series.tier.upper()],
        first_start_ns=exchange.clock.now_ns() // duration_ns * duration_ns,
        duration_s=duration_s,
        gate_lead_s=series.gate_lead_s,
        horizon_s=series.horizon_s,
        reference_ticks=parse_ticks(series.reference_price),
        price_step_ticks=parse_ticks(series.price_step),
        quantity_step_lots=series.quantity_step,
        quantity_max_lots=series.quantity_max,
        band_bps=series.band_bps,
        opening_auction_s=series.opening_auction_s,
        closing_auction_s=series.closing_auction_s,
    )


async def _submit_series(exchange: Exchange, series: SeriesPlan, region_id: int) -> None:
    """A series, its fees and terms, in one batch: its first windows are listed in the next one, and so with these."""
    series_id = len(exchange.view.series) + 1
    groups = [_define(exchange, series, region_id)]
    if (series.maker_fee_ppm, series.taker_fee_ppm) != (0, 0):
        groups.append(commands.set_fees(series_id, series.maker_fee_ppm, series.taker_fee_ppm))
    if series.delivery is not None:
        groups.append(clearing_commands.set_delivery_terms(series_id, **series.delivery.model_dump()))
    for reply in await asyncio.gather(*exchange.submit_many(groups)):
        _check(reply, str(series.key))


async def _submit(exchange: Exchange, group: Any, what: str) -> None:
    _check(await exchange.submit(group), what)


def _check(reply: Reply, what: str) -> None:
    outcome = reply.events[-1]
    if outcome["kind"] == EventKind.REJECTED:
        raise PlanError(f"{what} was refused: {Reject(int(outcome['reason'])).name.lower()}")
