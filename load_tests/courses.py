"""How many users there are as a run goes on: a ramp, bursts at gate closures, a trading day in a few minutes."""

from collections.abc import Sequence

from gateway.demo.calibration import Calibration, load_calibration

RAMP_SHARE = 0.8
CALM_SHARE = 0.25
BURST_S = 15.0
"""Everybody comes so long before a gate, and leaves when it is over."""
DAY_OF_WEEK = 2
HOURS = 24


def ramp(elapsed_s: float, length_s: float, users: int) -> int:
    """Evenly up to all users at four fifths of the time; then all stay."""
    return _between_one_and(users, elapsed_s / (RAMP_SHARE * length_s))


def gate_burst(now_s: float, gates_s: Sequence[float], users: int) -> int:
    """A quarter of the users, and all of them just before a gate; times are those of one clock."""
    is_near = any(0 <= gate_s - now_s <= BURST_S for gate_s in gates_s)
    return _between_one_and(users, 1.0 if is_near else CALM_SHARE)


def trading_day(elapsed_s: float, length_s: float, users: int, factors: Sequence[float]) -> int:
    """A day's demand, hour by hour with straight lines between them; all users at the busiest hour."""
    hour = min(elapsed_s / length_s, 1.0) * (len(factors) - 1)
    before = min(int(hour), len(factors) - 2)
    factor = factors[before] + (hour - before) * (factors[before + 1] - factors[before])
    return _between_one_and(users, factor / max(factors))


def day_factors(calibration: Calibration | None = None) -> tuple[float, ...]:
    """The demand of a Wednesday at each full hour, midnight to midnight: measured, see gateway/demo/data/README.md."""
    curve = (calibration or load_calibration()).demand_curve
    first = DAY_OF_WEEK * HOURS
    return curve[first : first + HOURS + 1]


def _between_one_and(users: int, share: float) -> int:
    return max(1, min(users, round(users * share)))
