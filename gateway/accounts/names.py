"""Accounts by name, for those who run the exchange and hold its directory."""

from exchange import commands
from exchange.service import Exchange
from exchange.venue.schema import Reject
from matching.schema import EventKind


async def ensure_account(exchange: Exchange, name: str, *, deposit_nano: int = 0, group: int = 0) -> int:
    """The number of an account, opened with a first deposit if there is none. Raises ValueError if that is refused."""
    known = exchange.view.account_by_name.get(name)
    if known is not None:
        return known
    account_id = max(exchange.view.accounts, default=0) + 1
    groups = [commands.open_account(account_id, name, group)]
    if deposit_nano:
        groups.append(commands.deposit(account_id, deposit_nano))
    for group_records in groups:
        outcome = (await exchange.submit(group_records)).events[-1]
        if outcome["kind"] == EventKind.REJECTED:
            raise ValueError(f"account {name!r} was refused: {Reject(int(outcome['reason'])).name.lower()}")
    return account_id
