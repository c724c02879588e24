"""Decimals become integers at one door, and integers become decimal strings again: exactly, or with a named error."""

from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache

from exchange.venue.schema import NANO_PER_TICK_PER_3_MINUTES, WINDOW_STEP_S
from risk.schema import PPM

PRICE_DECIMALS = 6
AMOUNT_DECIMALS = 9
DECIMAL_LENGTH_MAX = 40
TEXTS_KEPT = 1 << 16
"""The same prices are read and told again and again."""
_EXACT = Context(prec=2 * DECIMAL_LENGTH_MAX)
"""Enough digits to scale any text of that length without rounding, which the default context would do from 28 on."""


class UnitError(ValueError):
    """A number that cannot be taken as it stands; `str` says why."""


def parse_ticks(text: str) -> int:
    """A price in USD per Mbps-hour, as a decimal string, in ticks. Raises UnitError."""
    return _scaled(text, PRICE_DECIMALS, "price")


def parse_nano(text: str) -> int:
    """An amount in USD, as a decimal string, in nano-USD. Raises UnitError."""
    return _scaled(text, AMOUNT_DECIMALS, "amount")


def parse_lots(text: str) -> int:
    """A quantity in lots, as a decimal string without a fraction. Raises UnitError."""
    return _scaled(text, 0, "quantity")


@lru_cache(maxsize=TEXTS_KEPT)
def format_ticks(price_ticks: int) -> str:
    """A price in ticks as a decimal string in USD per Mbps-hour, with all its places."""
    return _fixed(price_ticks, PRICE_DECIMALS)


def format_nano(amount_nano: int) -> str:
    """An amount in nano-USD as a decimal string in USD, with all its places."""
    return _fixed(amount_nano, AMOUNT_DECIMALS)


def tick_value_nano(duration_s: int) -> int:
    """What one tick of one lot is worth over a window of this length, in nano-USD: always a whole number."""
    windows, rest = divmod(duration_s, WINDOW_STEP_S)
    assert rest == 0, "a window is a multiple of three minutes"
    return windows * NANO_PER_TICK_PER_3_MINUTES


def fee_nano(price_ticks: int, lots: int, value_nano: int, fee_ppm: int) -> int:
    """The fee of a trade at so many nano-USD a tick and lot: whole for each lot, rounded up, as risk charges it."""
    return lots * -(-price_ticks * value_nano * fee_ppm // PPM)


def _scaled(text: str, decimals: int, what: str) -> int:
    if len(text) > DECIMAL_LENGTH_MAX:
        raise UnitError(f"{what} is longer than {DECIMAL_LENGTH_MAX} characters")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UnitError(f"{what} {text!r} is not a decimal number") from None
    if not number.is_finite() or not text.isascii() or "_" in text or text != text.strip():
        raise UnitError(f"{what} {text!r} is not a plain decimal number")
    if abs(number.adjusted()) > DECIMAL_LENGTH_MAX:
        raise UnitError(f"{what} {text!r} is out of range")
    scaled = number.scaleb(decimals, _EXACT)
    if scaled != scaled.to_integral_value():
        raise UnitError(f"{what} {text!r} has more than {decimals} decimal places")
    return int(scaled)


def _fixed(value: int, decimals: int) -> str:
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(int(value)), 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}d}"
