"""Marks and shocks from what is traded, on a real exchange with a real store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from exchange import commands, pricing
from exchange.parameters import Override, ParameterSettings
from exchange.parameters.settings import ForwardSettings
from exchange.pricing import Pricer
from exchange.pricing_rows import Manual
from exchange.service import Exchange
from exchange.settings import PricingSettings
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Command, Tier
from exchange.verification import verify
from exchange.view import TrancheView
from tests.exchange.test_service import HOUR_S, LIMITS, PATIENCE_S, open_exchange
from tests.exchange.venue.market import BUY, NANO_PER_S, SELL

REFERENCE_TICKS = 1_000
TRADED_TICKS = 1_200
STEP = 0.05
CASH_NANO = 10**13
NAMES = {1: ("alice", 0), 2: ("bob", 0), 3: ("carol", 0), 4: ("dora", 9), 5: ("emil", 9), 6: ("fay", 9)}
ALICE, BOB, CAROL, DORA, EMIL, FAY = NAMES
ALONE = (ALICE, BOB, CAROL)
OF_ONE_GROUP = (DORA, EMIL, FAY)
NEVER_S = 3_600.0


def settings_of(**terms: Any) -> PricingSettings:
    return PricingSettings(**({"interval_s": NEVER_S} | terms))


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """A market of a few windows, of which the first is traded."""
    exchange = await open_exchange(tmp_path)
    await open_market(exchange)
    yield exchange
    await exchange.close()


@pytest.fixture
async def pricer(exchange: Exchange) -> AsyncIterator[Pricer]:
    """One whose rounds are begun by the test."""
    pricer = Pricer(exchange, settings_of())
    pricer.start()
    yield pricer
    await pricer.stop()


async def open_market(exchange: Exchange, opening_auction_s: int = 0) -> None:
    hour_ns = HOUR_S * NANO_PER_S
    groups = [commands.define_region(1, "eu-fra")]
    groups += [commands.open_account(account_id, *terms) for account_id, terms in NAMES.items()]
    groups += [commands.deposit(account_id, CASH_NANO) for account_id in NAMES]
    first_start_ns = (exchange.clock.now_ns() // hour_ns + 3) * hour_ns
    groups.append(
        commands.define_series(
            1,
            1,
            Tier.EF,
            first_start_ns=first_start_ns,
            duration_s=HOUR_S,
            gate_lead_s=0,
            horizon_s=4 * HOUR_S,
            reference_ticks=REFERENCE_TICKS,
            opening_auction_s=opening_auction_s,
        )
    )
    await asyncio.gather(*exchange.submit_many(groups))
    await exchange.submit(commands.resume_market())


async def trade(exchange: Exchange, accounts: tuple[int, ...] = ALONE, price_ticks: int = TRADED_TICKS) -> None:
    """Each sells 20 lots to the next one of them in the first window; no order is left."""
    for seller, buyer in zip(accounts, accounts[1:] + accounts[:1], strict=True):
        await exchange.submit(commands.place(seller, 1, SELL, price_ticks, 20))
        await exchange.submit(commands.place(buyer, 1, BUY, price_ticks, 20))


def window(exchange: Exchange) -> TrancheView:
    return exchange.view.tranches[1]


def by_hand(exchange: Exchange, mark_ticks: int, seconds: float = NEVER_S) -> Manual:
    until_ns = exchange.clock.now_ns() + int(seconds * NANO_PER_S)
    override = Override(instrument_id=1, mark_ticks=mark_ticks, who="risk", why="a storm", until_ns=until_ns)
    return Manual(override, (0, *[-mark_ticks] * 15), 7, 500)


async def set_by_hand(exchange: Exchange, manual: Manual) -> None:
    mark_ticks = manual.override.mark_ticks
    assert mark_ticks is not None
    await exchange.submit(
        commands.set_parameters(
            1, mark_ticks=mark_ticks, shocks_ticks=manual.shock_ticks, spread_ticks=manual.spread_ticks
        )
    )


# What moves a mark.


async def test_the_mark_goes_towards_what_distinct_groups_trade_in_bounded_steps(
    exchange: Exchange, pricer: Pricer
) -> None:
    await trade(exchange)
    marks_ticks = [window(exchange).mark_ticks]
    while await pricer.price_once():
        before_ticks = marks_ticks[-1]
        marks_ticks.append(window(exchange).mark_ticks)
        assert before_ticks < marks_ticks[-1] <= before_ticks * (1 + STEP) or marks_ticks[-1] == before_ticks
    # The reference counts for a thirteenth of it.
    assert marks_ticks[:3] == [1_000, 1_050, 1_102]
    assert marks_ticks[-1] == round((0.6 * TRADED_TICKS + 0.05 * REFERENCE_TICKS) / 0.65)


async def test_margin_and_unsettled_gains_follow_the_mark(exchange: Exchange, pricer: Pricer) -> None:
    await trade(exchange)
    await exchange.submit(commands.place(ALICE, 1, SELL, TRADED_TICKS, 100))
    await exchange.submit(commands.place(BOB, 1, BUY, TRADED_TICKS, 100))
    listed = exchange.view.balances(BOB)
    await pricer.price_once()
    first = exchange.view.balances(BOB)
    while await pricer.price_once():
        pass
    last = exchange.view.balances(BOB)
    assert listed.margin_nano > last.margin_nano > first.margin_nano, "a price may no longer double or vanish"
    assert listed.equity_nano < first.equity_nano < last.equity_nano, "a buyer at 1,200 gains from a higher mark"
    assert first.equity_nano - listed.equity_nano == 100 * 50 * window(exchange).tick_value_nano


async def test_trades_within_one_group_move_nothing(exchange: Exchange, pricer: Pricer) -> None:
    for _ in range(4):
        await trade(exchange, OF_ONE_GROUP)
    assert exchange.view.trades == 12
    assert [await pricer.price_once() for _ in range(3)] == [0, 0, 0]
    assert window(exchange).mark_ticks == REFERENCE_TICKS


async def test_two_groups_alone_move_nothing_and_a_third_does(exchange: Exchange, pricer: Pricer) -> None:
    await trade(exchange, (ALICE, DORA))
    await trade(exchange, (EMIL, ALICE))
    assert await pricer.price_once() == 0
    await trade(exchange, (BOB, FAY))
    assert await pricer.price_once() > 0
    assert window(exchange).mark_ticks == 1_050


async def test_what_an_account_is_forced_to_sell_moves_no_mark(exchange: Exchange, pricer: Pricer) -> None:
    await trade(exchange, (BOB, ALICE))
    await exchange.submit(commands.place(BOB, 1, SELL, TRADED_TICKS, 20))
    await exchange.submit(commands.place(ALICE, 1, BUY, TRADED_TICKS, 20))
    tick_value_nano = window(exchange).tick_value_nano
    left_nano = 200 * 20 * tick_value_nano
    await exchange.submit(commands.set_parameters(1, mark_ticks=TRADED_TICKS, shocks_ticks=[0, *[-100] * 15]))
    await exchange.submit(commands.withdraw(ALICE, CASH_NANO - left_nano))
    await exchange.submit(commands.place(CAROL, 1, BUY, 1_050, 20))
    await exchange.submit(commands.set_parameters(1, mark_ticks=1_050, shocks_ticks=[0, *[-100] * 15]))
    assert exchange.view.positions(ALICE)[0].lots == 0, "fifty ticks a lot are left, and sixty must be"
    assert exchange.view.positions(CAROL)[0].lots == 20
    await pricer.price_once()
    assert window(exchange).mark_ticks == 1_050


async def test_washing_within_a_group_crowds_no_trade_out(exchange: Exchange) -> None:
    pricer = Pricer(exchange, settings_of(trades_kept=3))
    pricer.start()
    await trade(exchange)
    await trade(exchange, OF_ONE_GROUP, 800)
    await pricer.price_once()
    await pricer.stop()
    assert window(exchange).mark_ticks == 1_050


async def test_orders_of_an_auction_count_for_nothing_until_they_trade(tmp_path: Path) -> None:
    exchange = await open_exchange(tmp_path)
    pricer = Pricer(exchange, settings_of())
    pricer.start()
    await open_market(exchange, opening_auction_s=3)
    for account_id, side in ((ALICE, SELL), (BOB, SELL), (CAROL, BUY), (DORA, BUY)):
        await exchange.submit(commands.place(account_id, 1, side, TRADED_TICKS, 20))
    assert window(exchange).state is LifeState.AUCTION
    assert await pricer.price_once() == 0
    async with asyncio.timeout(PATIENCE_S):
        while window(exchange).state is LifeState.AUCTION:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await pricer.price_once()
    assert window(exchange).mark_ticks == 1_050
    await pricer.stop()
    await exchange.close()


async def test_a_mark_stays_where_its_trades_are_too_old(exchange: Exchange) -> None:
    forward = ForwardSettings(trade_age_max_s=0.5)
    pricer = Pricer(exchange, settings_of(parameters=ParameterSettings(forward=forward)))
    pricer.start()
    await trade(exchange)
    await pricer.price_once()
    await asyncio.sleep(1)
    mark_ticks, margin_nano = window(exchange).mark_ticks, exchange.view.balances(BOB).margin_nano
    for _ in range(3):
        await pricer.price_once()
    await pricer.stop()
    assert window(exchange).mark_ticks == mark_ticks == 1_050, "neither on to the trades nor back to the reference"
    assert exchange.view.balances(BOB).margin_nano == margin_nano


async def test_a_book_on_its_own_moves_no_mark_beyond_what_the_reference_bears_out(
    exchange: Exchange, pricer: Pricer
) -> None:
    price_ticks = REFERENCE_TICKS
    for _ in range(60):
        price_ticks = min(window(exchange).mark_ticks + 40, 1_480)
        bid = await exchange.submit(commands.place(ALICE, 1, BUY, price_ticks - 5, 5))
        ask = await exchange.submit(commands.place(ALICE, 1, SELL, price_ticks + 5, 5))
        await pricer.price_once()
        await exchange.submit(commands.cancel(ALICE, order_id=bid.sequence))
        await exchange.submit(commands.cancel(ALICE, order_id=ask.sequence))
    assert REFERENCE_TICKS < window(exchange).mark_ticks < REFERENCE_TICKS * 1.5


async def test_windows_that_nobody_trades_keep_what_they_were_listed_with(exchange: Exchange, pricer: Pricer) -> None:
    spread_ticks = window(exchange).spread_ticks
    assert await pricer.price_once() == 0
    assert {tranche.mark_ticks for tranche in exchange.view.tranches.values()} == {REFERENCE_TICKS}
    assert window(exchange).spread_ticks == spread_ticks


# When it stands still.


async def test_a_round_while_the_market_is_halted_sends_nothing(exchange: Exchange, pricer: Pricer) -> None:
    await trade(exchange)
    await exchange.submit(commands.halt_market())
    kinds: list[int] = []
    forget = exchange.subscribe(lambda batch: kinds.extend(batch.commands["kind"].tolist()))
    assert await pricer.price_once() == 0
    await exchange.submit(commands.deposit(ALICE, 1))
    await asyncio.sleep(0)
    forget()
    assert (Command.DEPOSIT in kinds, Command.SET_PARAMETERS in kinds) == (True, False)
    await exchange.submit(commands.resume_market())
    assert await pricer.price_once() > 0


async def test_a_round_on_a_full_disk_sends_nothing(
    exchange: Exchange, pricer: Pricer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade(exchange)
    monkeypatch.setattr(exchange._guard, "is_full", True)
    assert exchange.phase == "cancel_only"
    assert await pricer.price_once() == 0
    assert window(exchange).mark_ticks == REFERENCE_TICKS


async def test_an_error_in_the_computation_is_told_and_the_last_parameters_stay(
    exchange: Exchange, pricer: Pricer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade(exchange)
    await pricer.price_once()
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(pricing, "compute", lambda *_: 1 // 0)
        assert await pricer.price_once() == 0
    assert [entry["event"] for entry in logs] == ["pricing_failed"]
    assert window(exchange).mark_ticks == 1_050
    assert await pricer.price_once() > 0
    assert window(exchange).mark_ticks == 1_102


async def test_what_the_core_refuses_is_told_by_name_and_tried_again(
    exchange: Exchange, pricer: Pricer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade(exchange)
    refused = commands.set_parameters(99, mark_ticks=1, shocks_ticks=[0] * 16)
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(pricing, "command_of", lambda *_: refused)
        assert await pricer.price_once() == 0
    assert {(entry["event"], entry["reason"]) for entry in logs} == {("parameters_refused", "unknown_instrument")}
    assert await pricer.price_once() > 0


async def test_rounds_go_on_by_themselves_and_end_with_the_exchange(tmp_path: Path) -> None:
    exchange = await open_exchange(tmp_path)
    await open_market(exchange)
    pricer = Pricer(exchange, settings_of(interval_s=0.02))
    pricer.start()
    await trade(exchange)
    async with asyncio.timeout(PATIENCE_S):
        while window(exchange).mark_ticks < 1_180:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    with capture_logs() as logs:
        await exchange.close()
        await asyncio.sleep(0.1)
        await pricer.stop()
    assert logs == []


# What people set.


async def test_what_a_person_set_holds_until_its_time_is_up(exchange: Exchange, pricer: Pricer) -> None:
    await trade(exchange)
    manual = by_hand(exchange, 700, seconds=1)
    pricer.hold(1, manual)
    await set_by_hand(exchange, manual)
    await pricer.price_once()
    assert (window(exchange).mark_ticks, window(exchange).spread_ticks) == (700, 7)
    await asyncio.sleep(1.3)
    await pricer.price_once()
    assert window(exchange).mark_ticks == 735, "a step from where it stood"
    assert pricer.held(1) is None


async def test_shocks_come_back_from_what_a_person_set_by_bounded_steps(exchange: Exchange, pricer: Pricer) -> None:
    await trade(exchange)
    await pricer.price_once()
    calm_nano = exchange.view.balances(BOB).margin_nano
    await exchange.submit(commands.place(BOB, 1, BUY, TRADED_TICKS, 10))
    await exchange.submit(commands.place(ALICE, 1, SELL, TRADED_TICKS, 10))
    manual = by_hand(exchange, 1_050)
    pricer.hold(1, manual)
    await set_by_hand(exchange, manual)
    storm_nano = exchange.view.balances(BOB).margin_nano
    await pricer.price_once()
    assert exchange.view.balances(BOB).margin_nano == storm_nano > calm_nano
    assert pricer.hold(1, None) == manual
    await pricer.price_once()
    assert 0.9 * storm_nano < exchange.view.balances(BOB).margin_nano < storm_nano


async def test_what_a_person_sets_while_a_round_computes_is_not_overwritten(exchange: Exchange, pricer: Pricer) -> None:
    await trade(exchange)
    computing = asyncio.create_task(pricer.price_once())
    await asyncio.sleep(0)
    manual = by_hand(exchange, 700)
    pricer.hold(1, manual)
    await set_by_hand(exchange, manual)
    await computing
    assert window(exchange).mark_ticks == 700


# What is left behind.


async def test_a_replay_of_what_was_set_comes_to_the_same_state(tmp_path: Path) -> None:
    exchange = await open_exchange(tmp_path)
    await open_market(exchange)
    pricer = Pricer(exchange, settings_of())
    pricer.start()
    await trade(exchange)
    while await pricer.price_once():
        pass
    await pricer.stop()
    mark_ticks, margin_nano = window(exchange).mark_ticks, exchange.view.balances(BOB).margin_nano
    await exchange.close()
    verdict = await asyncio.to_thread(verify, tmp_path, LIMITS)
    assert (verdict.faults, verdict.snapshots_compared) == ([], 1)
    again = await open_exchange(tmp_path)
    assert (window(again).mark_ticks, again.view.balances(BOB).margin_nano) == (mark_ticks, margin_nano)
    await again.close()


async def test_after_a_restart_requirements_fall_from_what_stood_by_bounded_steps(tmp_path: Path) -> None:
    exchange = await open_exchange(tmp_path)
    await open_market(exchange)
    await exchange.submit(commands.place(ALICE, 1, SELL, REFERENCE_TICKS, 10))
    await exchange.submit(commands.place(BOB, 1, BUY, REFERENCE_TICKS, 10))
    await set_by_hand(exchange, by_hand(exchange, REFERENCE_TICKS))
    storm_nano = exchange.view.balances(BOB).margin_nano
    await exchange.close()
    again = await open_exchange(tmp_path)
    assert set(again.standing_at_start) == {1}, "the other windows are as they were listed"
    pricer = Pricer(again, settings_of())
    pricer.start()
    assert await pricer.price_once() == 1
    held_nano = again.view.balances(BOB).margin_nano
    await trade(again)
    await pricer.price_once()
    await pricer.stop()
    assert 0.8 * storm_nano < again.view.balances(BOB).margin_nano < storm_nano
    assert held_nano < storm_nano
    await again.close()


async def test_what_is_kept_of_a_window_is_bounded_and_ends_with_it(exchange: Exchange) -> None:
    pricer = Pricer(exchange, settings_of(trades_kept=4))
    pricer.start()
    for _ in range(3):
        await trade(exchange)
    assert [len(memory.trades) for memory in pricer._memories.values()] == [4]
    pricer._forget(window(exchange).gate_ns)
    assert pricer._memories == {}
    await pricer.stop()
