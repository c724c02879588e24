"""Decimal strings in and out, exactly, or a named error."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.units import (
    DECIMAL_LENGTH_MAX,
    UnitError,
    format_nano,
    format_ticks,
    parse_lots,
    parse_nano,
    parse_ticks,
    tick_value_nano,
)

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


@pytest.mark.parametrize(
    ("text", "price_ticks"),
    [
        ("0.000001", 1),
        ("0.0405", 40_500),
        ("1", 1_000_000),
        ("1.0000000000000000", 1_000_000),
        ("+2.5", 2_500_000),
        ("-0.000002", -2),
        ("1e-6", 1),
        ("2E2", 200_000_000),
        ("0", 0),
        (".5", 500_000),
        ("00.1", 100_000),
    ],
)
def test_a_price_becomes_ticks(text: str, price_ticks: int) -> None:
    assert parse_ticks(text) == price_ticks


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a decimal number"),
        ("abc", "not a decimal number"),
        ("1,5", "not a decimal number"),
        ("0x10", "not a decimal number"),
        ("1.2.3", "not a decimal number"),
        ("1\0", "not a decimal number"),
        ("NaN", "not a plain decimal number"),
        ("sNaN", "not a plain decimal number"),
        ("Infinity", "not a plain decimal number"),
        ("-inf", "not a plain decimal number"),
        (" 1", "not a plain decimal number"),
        ("1\n", "not a plain decimal number"),
        ("1_000", "not a plain decimal number"),
        ("\u0661", "not a plain decimal number"),
        ("\uff11", "not a plain decimal number"),
        ("1e41", "out of range"),
        ("1e-41", "out of range"),
        ("1e999999999", "out of range"),
        ("0e999", "out of range"),
        ("1" * (DECIMAL_LENGTH_MAX + 1), "longer than 40 characters"),
        ("0.0000001", "more than 6 decimal places"),
        ("1.0000000000000000000000000001", "more than 6 decimal places"),
        ("0.99999999999999999999999999999999999", "more than 6 decimal places"),
    ],
)
def test_a_text_that_is_no_exact_price_is_refused_by_name(text: str, complaint: str) -> None:
    with pytest.raises(UnitError, match=complaint):
        parse_ticks(text)


def test_a_long_number_is_not_rounded_on_the_way() -> None:
    assert parse_lots("1234567890123456789012345678901234567890") == 1234567890123456789012345678901234567890


@pytest.mark.parametrize("parse", [parse_ticks, parse_nano, parse_lots])
def test_a_complaint_names_the_kind_of_number(parse) -> None:
    kind = {parse_ticks: "price", parse_nano: "amount", parse_lots: "quantity"}[parse]
    with pytest.raises(UnitError, match=kind):
        parse("much")


@pytest.mark.parametrize(("text", "lots"), [("12", 12), ("12.000", 12), ("1e3", 1_000)])
def test_a_quantity_is_a_whole_number(text: str, lots: int) -> None:
    assert parse_lots(text) == lots
    with pytest.raises(UnitError, match=r"quantity '0\.5' has more than 0 decimal places"):
        parse_lots("0.5")


@given(INT64)
def test_amounts_survive_the_way_out_and_back(amount_nano: int) -> None:
    assert parse_nano(format_nano(amount_nano)) == amount_nano
    assert Decimal(format_nano(amount_nano)) == Decimal(amount_nano).scaleb(-9)


@given(INT64)
def test_prices_survive_the_way_out_and_back(price_ticks: int) -> None:
    assert parse_ticks(format_ticks(price_ticks)) == price_ticks


@given(st.text(max_size=DECIMAL_LENGTH_MAX + 5))
def test_no_text_gives_anything_but_a_whole_number_or_a_named_error(text: str) -> None:
    with suppress(UnitError):
        assert isinstance(parse_nano(text), int)


@pytest.mark.parametrize(
    ("price_ticks", "text"),
    [(0, "0.000000"), (1, "0.000001"), (-1, "-0.000001"), (40_500, "0.040500"), (10**7, "10.000000")],
)
def test_a_price_is_written_with_all_its_places(price_ticks: int, text: str) -> None:
    assert format_ticks(price_ticks) == text


@pytest.mark.parametrize(("duration_s", "value_nano"), [(180, 50), (900, 250), (3_600, 1_000), (86_400, 24_000)])
def test_a_tick_of_a_lot_is_worth_a_whole_number_of_nano_usd(duration_s: int, value_nano: int) -> None:
    """A tick is a millionth of a dollar for a Mbps-hour."""
    assert tick_value_nano(duration_s) == value_nano == Decimal("0.000001") * 10**9 * duration_s / 3_600


def test_a_window_of_broken_minutes_has_no_tick_value() -> None:
    with pytest.raises(AssertionError, match="three minutes"):
        tick_value_nano(100)
