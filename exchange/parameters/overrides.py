"""What risk staff decide by hand: it wins over data, at once, until its time is up, and it is told with who and why."""

from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from exchange.parameters.inputs import TrancheInput
from exchange.venue.schema import Tier
from matching.schema import PRICE_TICKS_MAX

Words = Annotated[str, Field(min_length=1, max_length=200)]


class Override(BaseModel):
    """A mark, a multiplier of the shocks, or both, for one tranche or for a region and tier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument_id: Annotated[int, Field(ge=0)] | None = None
    region: Words | None = None
    tier: Tier | None = None
    mark_ticks: Annotated[int, Field(ge=1, le=PRICE_TICKS_MAX)] | None = None
    shock_multiplier: Annotated[float, Field(ge=0.1, le=10, allow_inf_nan=False)] | None = None
    who: Words
    why: Words
    until_ns: int
    """The first moment at which it no longer holds."""

    @model_validator(mode="after")
    def _says_where_and_what(self) -> Self:
        names_series = self.region is not None and self.tier is not None
        names_part = self.region is not None or self.tier is not None
        if (self.instrument_id is None) != names_series or (self.instrument_id is not None and names_part):
            raise ValueError("an override is for one tranche, or for a region and a tier")
        if self.mark_ticks is None and self.shock_multiplier is None:
            raise ValueError("an override changes the mark, the shocks or both")
        return self

    def covers(self, tranche: TrancheInput) -> bool:
        """Whether the tranche is the one, or one of those, that it is for."""
        if self.instrument_id is not None:
            return self.instrument_id == tranche.instrument_id
        return (self.region, self.tier) == (tranche.region, tranche.tier)


class InForce(NamedTuple):
    """The override of the mark and the one of the shocks, which may be the same."""

    mark: Override | None
    shocks: Override | None

    @property
    def all(self) -> tuple[Override, ...]:
        """Each once."""
        return tuple(dict.fromkeys(override for override in self if override is not None))


def overrides_in_force(overrides: tuple[Override, ...], tranche: TrancheInput, time_ns: int) -> InForce:
    """What holds for a tranche: its own before its series', and of two alike the later in the list."""
    holding = [override for override in overrides if time_ns < override.until_ns and override.covers(tranche)]
    holding.sort(key=lambda override: override.instrument_id is not None)
    marks = [override for override in holding if override.mark_ticks is not None]
    shocks = [override for override in holding if override.shock_multiplier is not None]
    return InForce(marks[-1] if marks else None, shocks[-1] if shocks else None)
