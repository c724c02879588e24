"""Dumps of the format before, as the program that wrote them left them in `dumps/`."""

from pathlib import Path

import orjson
import pytest

from exchange.view import MarketView
from exchange.view.fills import INDEX_END
from exchange.view.storage import LENGTH_BYTES
from risk.schema import Standing
from tests.exchange.view.markets import ALICE, BOB, CAROL
from tests.exchange.view.story import tell_story

DUMP = (Path(__file__).parent / "dumps" / "format-2.bin").read_bytes()
DOCUMENT_END = LENGTH_BYTES + int.from_bytes(DUMP[:LENGTH_BYTES], "little")


def altered(document: dict) -> bytes:
    """The dump with another document."""
    head = orjson.dumps(document)
    return len(head).to_bytes(LENGTH_BYTES, "little") + head + DUMP[DOCUMENT_END:]


@pytest.fixture
def document() -> dict:
    return orjson.loads(DUMP[LENGTH_BYTES:DOCUMENT_END])


def test_a_dump_of_the_format_before_loads_into_the_view_that_the_same_story_gives_today() -> None:
    market, loaded = tell_story(), MarketView.load(DUMP)
    assert loaded.dump() == market.view.dump()
    assert loaded.order_by_client_id(BOB, "iceberg") == market.view.order_by_client_id(BOB, "iceberg") is not None
    for account_id in (ALICE, BOB, CAROL):
        assert loaded.open_orders(account_id) == market.view.open_orders(account_id)
        assert list(loaded.fills.of_account(account_id)) == list(market.view.fills.of_account(account_id)) != []


def test_it_goes_on_like_the_view_that_was_dumped() -> None:
    market, loaded = tell_story(), MarketView.load(DUMP)
    market.send(time_ns=market.time_ns + 7_200 * 10**9)
    loaded.apply(market.published[-1])
    assert loaded == market.view


def test_a_dump_from_before_there_was_a_fund_loads_with_none_and_with_sound_accounts(document: dict) -> None:
    del document["counters"]["fund_nano"]
    place = document["columns"]["account"].index("standing")
    for row in (document["columns"]["account"], *(account[0] for account in document["accounts"])):
        del row[place]
    loaded = MarketView.load(altered(document))
    assert loaded.fund_nano == 0
    assert {account.standing for account in loaded.accounts.values()} == {Standing.SOUND}


def test_a_dump_of_before_there_were_fills_shows_its_trades_and_says_from_where_it_has_fills(document: dict) -> None:
    del document["fills"], document["candles"]
    loaded, whole = MarketView.load(altered(document)), MarketView.load(DUMP)
    assert loaded.tape == whole.tape != []
    assert [each.trades for each in loaded.tranches.values()] == [each.trades for each in whole.tranches.values()]
    assert loaded.fills.begins_after == (loaded.sequence, INDEX_END)
    assert list(loaded.fills.of_account(ALICE)) == []
    assert MarketView.load(loaded.dump()).dump() == loaded.dump()


@pytest.mark.parametrize("end", [3, 100, DOCUMENT_END, DOCUMENT_END + 50])
def test_a_dump_that_is_cut_is_refused(end: int) -> None:
    with pytest.raises(ValueError, match="no dump of a market view"):
        MarketView.load(DUMP[:end])
