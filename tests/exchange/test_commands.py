"""Commands as records: every value in its field, texts behind their head, and a named error for what fits no field."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import clearing_commands, commands, staff_commands
from exchange.commands import CommandError
from exchange.venue.add_on_schema import AddOnMode
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    ADD_ON_COMMAND,
    CAPACITY_COMMAND,
    CHANGE_COMMAND,
    CLOCK_COMMAND,
    CONTINUATION,
    CONTINUATIONS_MAX,
    FINANCING_COMMAND,
    INSTRUMENT_COMMAND,
    LIMITS_COMMAND,
    MASS_CANCEL_COMMAND,
    ORDER_COMMAND,
    PARAMETERS_COMMAND,
    PROTECTION_COMMAND,
    SERIES_COMMAND,
    SHOCKS,
    STRAIN_COMMAND,
    TERMS_COMMAND,
    TEXT_BYTES_MAX,
    Command,
    Tier,
)
from matching.schema import MassFlag

TEXT_MAX = CONTINUATIONS_MAX * TEXT_BYTES_MAX
HIGH, LOW = commands.client_key("mine")
TARGET_HIGH, TARGET_LOW = commands.client_key("target")
SHOCKS_TICKS = [0, *range(1, 15), -15]


@pytest.mark.parametrize(
    ("group", "layout", "expected"),
    [
        (
            commands.place(
                7,
                8,
                1,
                9,
                10,
                client_id="mine",
                time_in_force=1,
                flags=4,
                self_trade=3,
                expires_ns=11,
                order_id=12,
            ),
            ORDER_COMMAND,
            {
                "kind": Command.PLACE,
                "continuations": 1,
                "side": 1,
                "time_in_force": 1,
                "instrument_id": 8,
                "account_id": 7,
                "price_ticks": 9,
                "quantity_lots": 10,
                "order_id": 12,
                "client_id_high": HIGH,
                "client_id_low": LOW,
                "expires_ns": 11,
                "flags": 4,
                "self_trade": 3,
            },
        ),
        (
            commands.cancel(7, target_client_id="target"),
            CHANGE_COMMAND,
            {"kind": Command.CANCEL, "account_id": 7, "target_high": TARGET_HIGH, "target_low": TARGET_LOW},
        ),
        (
            commands.replace(7, 9, 10, order_id=12, client_id="mine", flags=3),
            CHANGE_COMMAND,
            {
                "kind": Command.REPLACE,
                "continuations": 1,
                "flags": 3,
                "account_id": 7,
                "price_ticks": 9,
                "quantity_lots": 10,
                "order_id": 12,
                "client_id_high": HIGH,
                "client_id_low": LOW,
            },
        ),
        (commands.tick(5), CLOCK_COMMAND, {"kind": Command.TICK, "time_ns": 5}),
        (
            commands.open_account(7, "alice", 2),
            ACCOUNT_COMMAND,
            {"kind": Command.OPEN_ACCOUNT, "continuations": 1, "account_id": 7, "group": 2},
        ),
        (
            commands.deposit(7, 1 << 60),
            ACCOUNT_COMMAND,
            {"kind": Command.DEPOSIT, "account_id": 7, "amount_nano": 1 << 60},
        ),
        (
            commands.endow_fund(7, 5),
            ACCOUNT_COMMAND,
            {"kind": Command.ENDOW_FUND, "account_id": 7, "amount_nano": 5},
        ),
        (
            commands.withdraw(7, 3, client_id="mine"),
            ACCOUNT_COMMAND,
            {
                "kind": Command.WITHDRAW,
                "continuations": 1,
                "account_id": 7,
                "amount_nano": 3,
                "client_id_high": HIGH,
                "client_id_low": LOW,
            },
        ),
        (
            commands.define_region(4, "eu-fra"),
            INSTRUMENT_COMMAND,
            {"kind": Command.DEFINE_REGION, "continuations": 1, "region_id": 4},
        ),
        (
            commands.define_series(
                3,
                4,
                Tier.BE,
                first_start_ns=60,
                duration_s=180,
                gate_lead_s=6,
                horizon_s=7,
                reference_ticks=8,
                price_step_ticks=9,
                quantity_step_lots=10,
                quantity_max_lots=11,
                band_bps=12,
            ),
            SERIES_COMMAND,
            {
                "kind": Command.DEFINE_SERIES,
                "tier": Tier.BE,
                "series_id": 3,
                "region_id": 4,
                "reference_ticks": 8,
                "first_start_ns": 60,
                "duration_s": 180,
                "gate_lead_s": 6,
                "horizon_s": 7,
                "price_step_ticks": 9,
                "quantity_step_lots": 10,
                "quantity_max_lots": 11,
                "band_bps": 12,
            },
        ),
        (
            commands.set_reference(8, 9),
            INSTRUMENT_COMMAND,
            {"kind": Command.SET_REFERENCE, "instrument_id": 8, "price_ticks": 9},
        ),
        (
            commands.set_parameters(
                8,
                mark_ticks=9,
                shocks_ticks=SHOCKS_TICKS,
                spread_ticks=10,
                concentration_ticks=11,
                concentration_lots=12,
            ),
            PARAMETERS_COMMAND,
            {
                "kind": Command.SET_PARAMETERS,
                "continuations": 1,
                "instrument_id": 8,
                "mark_ticks": 9,
                "spread_ticks": 10,
                "concentration_ticks": 11,
                "concentration_lots": 12,
            },
        ),
        (
            commands.set_fees(3, -20, 50),
            PARAMETERS_COMMAND,
            {"kind": Command.SET_FEES, "series_id": 3, "maker_fee_ppm": -20, "taker_fee_ppm": 50},
        ),
        (
            clearing_commands.set_delivery_terms(
                3,
                60,
                latency_max_us=1,
                loss_max_ppm=2,
                shortfall_fee_ppm=3,
                clearing_fee_ppm=4,
                burn_ppm=5,
                penalty_ppm=6,
                interruption_ppm=7,
                grace_s=8,
                dispute_s=9,
            ),
            TERMS_COMMAND,
            {
                "kind": Command.SET_DELIVERY_TERMS,
                "series_id": 3,
                "slot_s": 60,
                "latency_max_us": 1,
                "loss_max_ppm": 2,
                "shortfall_fee_ppm": 3,
                "clearing_fee_ppm": 4,
                "burn_ppm": 5,
                "penalty_ppm": 6,
                "interruption_ppm": 7,
                "grace_s": 8,
                "dispute_s": 9,
            },
        ),
        (
            staff_commands.set_utilisation(2, 870_000),
            STRAIN_COMMAND,
            {"kind": Command.SET_UTILISATION, "region_id": 2, "utilisation_ppm": 870_000},
        ),
        (
            staff_commands.set_strain(2, 600_000, 900_000),
            STRAIN_COMMAND,
            {"kind": Command.SET_STRAIN, "region_id": 2, "low_ppm": 600_000, "high_ppm": 900_000},
        ),
        (
            staff_commands.set_financing(1, 2, 3, 4),
            FINANCING_COMMAND,
            {"kind": Command.SET_FINANCING, "base_ppm": 1, "slope_1_ppm": 2, "slope_2_ppm": 3, "optimum_ppm": 4},
        ),
        (commands.halt(8), INSTRUMENT_COMMAND, {"kind": Command.HALT, "instrument_id": 8}),
        (commands.resume(8), INSTRUMENT_COMMAND, {"kind": Command.RESUME, "instrument_id": 8}),
        (commands.halt_market(), INSTRUMENT_COMMAND, {"kind": Command.HALT_MARKET}),
        (commands.resume_market(), INSTRUMENT_COMMAND, {"kind": Command.RESUME_MARKET}),
        (
            staff_commands.kill_switch(3),
            MASS_CANCEL_COMMAND,
            {"kind": Command.KILL_SWITCH, "flags": MassFlag.BY_ACCOUNT, "account_id": 3},
        ),
        (staff_commands.kill_switch(None), MASS_CANCEL_COMMAND, {"kind": Command.KILL_SWITCH}),
        (
            staff_commands.lift_kill_switch(3),
            ACCOUNT_COMMAND,
            {"kind": Command.LIFT_KILL_SWITCH, "account_id": 3},
        ),
        (
            staff_commands.set_account_limits(
                3,
                position_lots=4,
                order_lots=5,
                order_nano=6,
                open_orders_base=7,
                open_orders_max=8,
                open_orders_step_nano=9,
            ),
            LIMITS_COMMAND,
            {
                "kind": Command.SET_ACCOUNT_LIMITS,
                "account_id": 3,
                "position_lots": 4,
                "order_lots": 5,
                "order_nano": 6,
                "open_orders_base": 7,
                "open_orders_max": 8,
                "open_orders_step_nano": 9,
            },
        ),
        (
            staff_commands.call_margin(3, 4),
            ADD_ON_COMMAND,
            {"kind": Command.CALL_MARGIN, "mode": AddOnMode.CALL, "account_id": 3, "amount_nano": 4},
        ),
        (
            staff_commands.set_add_on(3, 4),
            ADD_ON_COMMAND,
            {"kind": Command.CALL_MARGIN, "mode": AddOnMode.SET, "account_id": 3, "amount_nano": 4},
        ),
        (
            staff_commands.set_region_limit(3, 2, 4),
            LIMITS_COMMAND,
            {"kind": Command.SET_REGION_LIMIT, "account_id": 3, "region_id": 2, "position_lots": 4},
        ),
        (
            staff_commands.set_instrument_limits(9, position_lots=4, order_lots=5, order_nano=6),
            LIMITS_COMMAND,
            {
                "kind": Command.SET_INSTRUMENT_LIMITS,
                "instrument_id": 9,
                "position_lots": 4,
                "order_lots": 5,
                "order_nano": 6,
            },
        ),
        (
            staff_commands.set_protection(
                3, 2, interval_ms=4, frozen_ms=5, quantity_lots=6, net_lots=7, notional_nano=8
            ),
            PROTECTION_COMMAND,
            {
                "kind": Command.SET_PROTECTION,
                "region_id": 2,
                "account_id": 3,
                "interval_ms": 4,
                "frozen_ms": 5,
                "quantity_lots": 6,
                "net_lots": 7,
                "notional_nano": 8,
            },
        ),
        (
            staff_commands.reset_protection(3, 2),
            PROTECTION_COMMAND,
            {"kind": Command.RESET_PROTECTION, "region_id": 2, "account_id": 3},
        ),
        (
            clearing_commands.post_stake(3, 7),
            ACCOUNT_COMMAND,
            {"kind": Command.POST_STAKE, "account_id": 3, "amount_nano": 7},
        ),
        (
            clearing_commands.withdraw_stake(3, 7),
            ACCOUNT_COMMAND,
            {"kind": Command.WITHDRAW_STAKE, "account_id": 3, "amount_nano": 7},
        ),
        (
            clearing_commands.register_capacity(
                3, 2, Tier.AF, 9, 10, 11, daily_from_s=12, daily_length_s=13, weekdays=14, endpoint="fra1"
            ),
            CAPACITY_COMMAND,
            {
                "kind": Command.REGISTER_CAPACITY,
                "continuations": 1,
                "tier": Tier.AF,
                "weekdays": 14,
                "region_id": 2,
                "account_id": 3,
                "lots": 9,
                "daily_from_s": 12,
                "daily_length_s": 13,
                "first_ns": 10,
                "end_ns": 11,
            },
        ),
        (
            clearing_commands.withdraw_capacity(3, 8),
            CAPACITY_COMMAND,
            {"kind": Command.WITHDRAW_CAPACITY, "account_id": 3, "capacity_id": 8},
        ),
    ],
    ids=lambda value: Command(value["kind"]).name if isinstance(value, dict) else "",
)
def test_every_value_stands_in_its_field_and_the_rest_is_zero(
    group: np.ndarray, layout: np.dtype, expected: dict[str, int]
) -> None:
    head = dict(zip(layout.names, group[:1].view(layout).item(), strict=True))
    assert head == dict.fromkeys(layout.names, 0) | expected
    assert len(group) == 1 + expected.get("continuations", 0)


@given(st.text(st.characters(min_codepoint=0, max_codepoint=127), max_size=TEXT_MAX))
def test_a_text_travels_behind_its_head_whatever_its_length(text: str) -> None:
    group = commands.open_account(1, text)
    assert len(group) == 1 + -(-len(text) // TEXT_BYTES_MAX)
    assert commands.text_of(group) == text
    tail = group[1:].view(CONTINUATION)
    assert tail["position"].tolist() == list(range(len(tail)))
    assert (tail["kind"] == Command.CONTINUATION).all()


@pytest.mark.parametrize("text", ["x" * (TEXT_MAX + 1), "café", "\u0661"])
def test_a_text_that_fits_no_records_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="ASCII characters"):
        commands.open_account(1, text)


@pytest.mark.parametrize("client_id", ["a", "0123456789abcdefghijklmnopqrstuvwxyz", "a!~/\\\"'"])
def test_a_client_id_is_known_by_its_digest_and_travels_as_text(client_id: str) -> None:
    group = commands.place(1, 1, 0, 1, 1, client_id=client_id)
    assert commands.text_of(group) == client_id
    assert (int(group["client_id_high"][0]), int(group["client_id_low"][0])) == commands.client_key(client_id) != (0, 0)


@pytest.mark.parametrize("client_id", ["a b", " a", "a\n", "é", "x" * 37, "\x7f", "\0"])
def test_a_client_id_with_other_characters_or_too_many_is_refused(client_id: str) -> None:
    with pytest.raises(CommandError, match="a client id is 1 to 36 printable"):
        commands.client_key(client_id)


def test_the_shocks_of_scenarios_1_to_15_stand_behind_their_head() -> None:
    _, shocks = commands.set_parameters(1, mark_ticks=2, shocks_ticks=SHOCKS_TICKS)
    row = np.array([shocks]).view(SHOCKS)[0]
    assert (row["kind"], row["continuations"]) == (Command.SHOCKS, 0)
    assert [row[f"shock_{scenario}_ticks"] for scenario in range(1, 16)] == SHOCKS_TICKS[1:]


@pytest.mark.parametrize("shocks_ticks", [SHOCKS_TICKS[1:], [0, *SHOCKS_TICKS], [1, *SHOCKS_TICKS[1:]], []])
def test_there_are_sixteen_shocks_and_the_first_is_nothing(shocks_ticks: list[int]) -> None:
    with pytest.raises(CommandError, match="16 shocks"):
        commands.set_parameters(1, mark_ticks=2, shocks_ticks=shocks_ticks)


def test_no_client_id_is_no_digest_and_no_record() -> None:
    assert commands.client_key("") == (0, 0)
    assert len(commands.place(1, 1, 0, 1, 1)) == 1


def test_client_ids_that_differ_have_digests_that_differ() -> None:
    assert len({commands.client_key(f"id-{at}") for at in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("changes", "is_fitting"),
    [
        ({"quantity_lots": (1 << 63) - 1}, True),
        ({"quantity_lots": 1 << 63}, False),
        ({"price_ticks": -(1 << 31)}, True),
        ({"price_ticks": 1 << 31}, False),
        ({"account_id": -1}, False),
        ({"account_id": 1 << 32}, False),
        ({"side": 256}, False),
        ({"quantity_lots": 1.5}, False),
        ({"quantity_lots": "5"}, False),
        ({"quantity_lots": None}, False),
    ],
)
def test_a_number_that_fits_no_field_is_refused(changes: dict[str, Any], is_fitting: bool) -> None:
    values = {"account_id": 1, "instrument_id": 1, "side": 0, "price_ticks": 1, "quantity_lots": 1} | changes
    if is_fitting:
        assert commands.place(**values)["quantity_lots"][0] == values["quantity_lots"]
        return
    with pytest.raises(CommandError, match="does not fit its field"):
        commands.place(**values)


def test_several_commands_become_one_array_that_can_be_written_to() -> None:
    batch = commands.concatenate(commands.tick(1), commands.deposit(1, 5, client_id="a"), commands.halt_market())
    assert batch["kind"].tolist() == [Command.TICK, Command.DEPOSIT, Command.CONTINUATION, Command.HALT_MARKET]
    assert batch.flags.writeable
    assert len(commands.concatenate()) == 0
