"""Shares by largest remainder, and rows in order, beside Python's own."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.venue.clearing.sharing import share_out, sort_rows
from exchange.venue.state import VenueLimits, allocate
from tests.exchange.venue.clearing.twin_gate import shares

STATE = allocate(VenueLimits(instruments=2, orders=2, nodes=10, accounts=64, positions=2, client_ids=2))
weights = st.lists(st.integers(0, 1 << 55), min_size=1, max_size=40)


def rows_of(keys, accounts):
    rows = STATE.clearing.gate_rows
    STATE.clearing.gate["rows"] = len(keys)
    rows["key"][: len(keys)] = keys
    rows["account_id"][: len(keys)] = accounts
    return rows


@given(weights=weights, part=st.fractions(0, 1), data=st.data())
def test_shares_come_to_the_amount_and_are_those_of_the_largest_remainders(weights, part, data):
    accounts = data.draw(st.permutations(range(1, len(weights) + 1)))
    whole = sum(weights)
    if whole == 0:
        return
    amount = int(part * whole)
    rows = rows_of([0] * len(weights), accounts)
    rows["weight"][: len(weights)] = weights
    share_out(STATE, amount, whole)
    found = dict(zip(accounts, rows["share"][: len(weights)].tolist(), strict=True))
    assert found == shares(amount, dict(zip(accounts, weights, strict=True)))


@given(keys=st.lists(st.integers(0, 5) | st.integers(0, (1 << 64) - 1), max_size=60), data=st.data())
def test_rows_are_sorted_by_key_and_account(keys, data):
    accounts = data.draw(st.permutations(range(1, len(keys) + 1)))
    rows = rows_of(keys, accounts)
    sort_rows(rows, len(keys))
    order = rows["order"][: len(keys)].tolist()
    assert [(keys[at], accounts[at]) for at in order] == sorted(zip(keys, accounts, strict=True))
