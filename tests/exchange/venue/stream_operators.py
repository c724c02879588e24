"""What those who run a venue send: halts, references, risk parameters, fees, listings."""

import numpy as np

from exchange import commands, staff_commands
from tests.exchange.venue.market import Market, define_series
from tests.exchange.venue.twin_calendar import CLOSED_STATES


def tranche_at(market: Market, pick: int) -> int:
    """One of the live tranches, those that trade first; from a pick beyond them on, an id that is over or never was."""
    live = sorted(market.twin.tranches, key=lambda each: market.twin.tranches[each].state in CLOSED_STATES)
    return live[pick] if pick < len(live) else 8 * (pick - len(live))


def halt(market: Market, halts: bool, pick: int) -> np.ndarray:
    return (commands.halt if halts else commands.resume)(tranche_at(market, pick))


def halt_market(_: Market, halts: bool) -> np.ndarray:
    return commands.halt_market() if halts else commands.resume_market()


def set_reference(market: Market, pick: int, price_ticks: int) -> np.ndarray:
    return commands.set_reference(tranche_at(market, pick), price_ticks)


def set_parameters(
    market: Market, pick: int, mark_ticks: int, widths_ticks: tuple[int, int], charges: tuple[int, int, int]
) -> np.ndarray:
    """Scenarios up and down, of two widths, and one that moves half as far."""
    up_ticks, down_ticks = widths_ticks
    shocks_ticks = [0, *[up_ticks, -down_ticks, up_ticks // 2, -down_ticks // 3, up_ticks // 3] * 3]
    spread_ticks, concentration_ticks, concentration_lots = charges
    return commands.set_parameters(
        tranche_at(market, pick),
        mark_ticks=mark_ticks,
        shocks_ticks=shocks_ticks,
        spread_ticks=spread_ticks,
        concentration_ticks=concentration_ticks,
        concentration_lots=concentration_lots,
    )


def set_fees(market: Market, distance: int, fees_ppm: tuple[int, int]) -> np.ndarray:
    return commands.set_fees(len(market.twin.series) + distance, *fees_ppm)


def open_account(_: Market, account_id: int, group: int) -> np.ndarray:
    return commands.open_account(account_id, f"account-{account_id}", group)


def define_region(market: Market, distance: int) -> np.ndarray:
    return commands.define_region(market.twin.regions + 1 + distance, "eu-fra")


def another_series(market: Market, distance: int, terms: dict[str, int]) -> np.ndarray:
    return define_series(len(market.twin.series) + 1 + distance, **terms)


def set_cancel_after(_: Market, account_id: int, session_id: int | None, after_ms: int) -> np.ndarray:
    return commands.set_cancel_after(account_id, after_ms, session_id=session_id)


def call_margin(_: Market, account_id: int, calls: bool, amount_nano: int) -> np.ndarray:
    return (staff_commands.call_margin if calls else staff_commands.set_add_on)(account_id, amount_nano)
