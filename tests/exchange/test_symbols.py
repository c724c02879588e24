"""Names of tranches, read and written in one way only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.symbols import (
    NANO_PER_S,
    REGION_LENGTH_MAX,
    Symbol,
    SymbolError,
    format_duration,
    is_region,
    parse_duration,
    parse_symbol,
)
from exchange.venue.schema import WINDOW_S_MAX, WINDOW_STEP_S, Tier

MINUTE_NS = 60 * NANO_PER_S
REGIONS = st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}(_[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2})?", fullmatch=True)
DURATIONS_S = st.integers(1, WINDOW_S_MAX // WINDOW_STEP_S).map(lambda steps: steps * WINDOW_STEP_S)
STARTS_NS = st.integers(0, 4_000_000_000 // 60).map(lambda minutes: minutes * MINUTE_NS)


def test_a_symbol_says_region_tier_start_and_length() -> None:
    symbol = parse_symbol("eu-fra.ef.20261122T1400Z.PT1H")
    assert symbol == Symbol("eu-fra", Tier.EF, 1_795_356_000 * NANO_PER_S, 3_600)


@given(st.builds(Symbol, REGIONS, st.sampled_from(Tier), STARTS_NS, DURATIONS_S))
def test_symbols_survive_the_way_out_and_back(symbol: Symbol) -> None:
    assert parse_symbol(str(symbol)) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eu-fra",
        "eu-fra.ef.20261122T1400Z",
        "EU-FRA.ef.20261122T1400Z.PT1H",
        "eu-fra.xx.20261122T1400Z.PT1H",
        "eu-fra.ef.20261122T1400.PT1H",
        "eu-fra.ef.20261122T1400Z.PT1H\n",
        " eu-fra.ef.20261122T1400Z.PT1H",
        "eu-fra.ef.20261122T1400Z.P2D",
        "eu--fra.ef.20261122T1400Z.PT1H",
        "eu-fra_us-nyc_eu-lon.ef.20261122T1400Z.PT1H",
    ],
)
def test_a_text_of_another_form_is_no_symbol(text: str) -> None:
    with pytest.raises(SymbolError, match="is not a symbol such as"):
        parse_symbol(text)


def test_a_complaint_quotes_no_more_than_a_glimpse() -> None:
    with pytest.raises(SymbolError) as refused:
        parse_symbol("x" * 10_000)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "start", ["20261322T1400Z", "20260230T1400Z", "20261122T2500Z", "20261122T1460Z", "00001122T1400Z"]
)
def test_a_time_that_no_calendar_has_is_refused(start: str) -> None:
    with pytest.raises(SymbolError, match="is not a time"):
        parse_symbol(f"eu-fra.ef.{start}.PT1H")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("PT60M", "PT1H"),
        ("PT24H", "P1D"),
        ("PT01H", "PT1H"),
        ("PT1H00M", "PT1H"),
        ("PT90M", "PT1H30M"),
    ],
)
def test_only_the_shortest_way_to_write_a_length_is_taken(text: str, canonical: str) -> None:
    with pytest.raises(SymbolError, match=f"is written .*{canonical}$"):
        parse_symbol(f"eu-fra.ef.20261122T1400Z.{text}")


@pytest.mark.parametrize("text", ["PT", "PT0M", "PT4M", "PT25H", "PT99H", "P1D1H", "1H", "PT1S", "", "pt1h", "PT1H\n"])
def test_a_length_that_no_window_has_is_refused(text: str) -> None:
    with pytest.raises(SymbolError, match="is not a"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration_s", "text"), [(180, "PT3M"), (900, "PT15M"), (3_600, "PT1H"), (5_400, "PT1H30M"), (86_400, "P1D")]
)
def test_a_length_is_written_as_short_as_can_be(duration_s: int, text: str) -> None:
    assert format_duration(duration_s) == text
    assert parse_duration(text) == duration_s


@pytest.mark.parametrize("text", ["eu-fra", "fra", "eu-fra_us-nyc", "a1-b2-c3", "x" * REGION_LENGTH_MAX])
def test_a_metro_or_a_directed_route_names_a_region(text: str) -> None:
    assert is_region(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-fra",
        "eu-",
        "eu_",
        "_eu",
        "eu__us",
        "Eu-fra",
        "eu.fra",
        "eu fra",
        "eu-fra\n",
        "x" * (REGION_LENGTH_MAX + 1),
    ],
)
def test_anything_else_does_not(text: str) -> None:
    assert not is_region(text)
