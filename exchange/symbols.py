"""Names of tranches: `eu-fra.ef.20261122T1400Z.PT1H` is region, tier, UTC start and length, as ISO 8601 has them."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from exchange.venue.schema import WINDOW_S_MAX, WINDOW_STEP_S, Tier

NANO_PER_S = 1_000_000_000
REGION_LENGTH_MAX = 23
REGION_PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*(?:_[a-z0-9]+(?:-[a-z0-9]+)*)?"
_SYMBOL = re.compile(rf"({REGION_PATTERN})\.(ef|af|be)\.(\d{{8}}T\d{{4}}Z)\.(P(?:1D|T(?:\d{{1,2}}H)?(?:\d{{1,2}}M)?))")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SymbolError(ValueError):
    """A text that names no tranche; `str` says why."""


class Symbol(NamedTuple):
    """What a symbol says."""

    region: str
    tier: Tier
    start_ns: int
    duration_s: int

    def __str__(self) -> str:
        start = _EPOCH + timedelta(seconds=self.start_ns // NANO_PER_S)
        return f"{self.region}.{self.tier.name.lower()}.{start:%Y%m%dT%H%MZ}.{format_duration(self.duration_s)}"


def parse_symbol(text: str) -> Symbol:
    """Read a symbol in the one way it is written. Raises SymbolError."""
    match = _SYMBOL.fullmatch(text)
    if match is None:
        raise SymbolError(f"{text[:64]!r} is not a symbol such as eu-fra.ef.20261122T1400Z.PT1H")
    region, tier, start, duration = match.groups()
    try:
        start_time = datetime.strptime(start, "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
    except ValueError:
        raise SymbolError(f"{start!r} is not a time") from None
    start_ns = int((start_time - _EPOCH).total_seconds()) * NANO_PER_S
    symbol = Symbol(region, Tier[tier.upper()], start_ns, parse_duration(duration))
    if str(symbol) != text:
        raise SymbolError(f"{text!r} is written {symbol}")
    return symbol


def is_region(text: str) -> bool:
    """Whether a text can name a region: a metro such as eu-fra, or a directed route eu-fra_us-nyc."""
    return len(text) <= REGION_LENGTH_MAX and re.fullmatch(REGION_PATTERN, text) is not None


def parse_duration(text: str) -> int:
    """The seconds of an ISO 8601 duration of up to a day. Raises SymbolError."""
    if text == "P1D":
        return WINDOW_S_MAX
    match = re.fullmatch(r"PT(?:(\d{1,2})H)?(?:(\d{1,2})M)?", text)
    if match is None or not any(match.groups()):
        raise SymbolError(f"{text!r} is not a duration such as PT15M, PT1H or P1D")
    hours, minutes = (int(part or 0) for part in match.groups())
    duration_s = hours * 3600 + minutes * 60
    if not 0 < duration_s <= WINDOW_S_MAX or duration_s % WINDOW_STEP_S:
        raise SymbolError(f"{text!r} is not a multiple of three minutes up to a day")
    return duration_s


def format_duration(duration_s: int) -> str:
    """The shortest ISO 8601 text for a window's length."""
    if duration_s == WINDOW_S_MAX:
        return "P1D"
    hours, rest_s = divmod(duration_s, 3600)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest_s // 60}M" if rest_s else "")
