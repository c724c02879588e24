"""What the venue's twin makes of margin calls by risk staff: what is added, and who must then be called."""

import numpy as np

from exchange.venue.schema import ADD_ON_COMMAND, Reject
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_cancel_after import TwinCancelAfter

ADD_ON_NANO_MAX = 1 << 59


class TwinMarginCalls(TwinCancelAfter):
    """The add-on of each account stands with the account."""

    def call_reject(self, group: np.ndarray) -> int:
        command = group.view(ADD_ON_COMMAND)[0]
        account_id, mode, amount_nano = (int(command[name]) for name in ("account_id", "mode", "amount_nano"))
        if account_id not in self.accounts:
            return Reject.UNKNOWN_ACCOUNT
        if mode not in (0, 1):
            return Reject.INVALID_ORDER_TERMS
        is_in_range = mode <= amount_nano <= ADD_ON_NANO_MAX and self.wanted_add_on(group) <= ADD_ON_NANO_MAX
        return Reject.NONE if is_in_range else Reject.AMOUNT_OUT_OF_RANGE

    def wanted_add_on(self, group: np.ndarray) -> int:
        """What is to be added: with a mode of 0 the amount itself, else what leaves the account short of it."""
        command = group.view(ADD_ON_COMMAND)[0]
        amount_nano, account_id = int(command["amount_nano"]), int(command["account_id"])
        if command["mode"] == 0:
            return amount_nano
        figures = self.figures(account_id)
        return max(figures.equity_nano - figures.own_margin_nano + amount_nano, 0)

    def add_on(self, group: np.ndarray) -> None:
        """The requirement has it before anybody is dealt with."""
        account_id = int(group.view(ADD_ON_COMMAND)["account_id"][0])
        self.accounts[account_id].add_on_nano = self.wanted_add_on(group)
        self.excused.add(account_id)
        self.marked.add(account_id)

    def on_add_on_set(self, event: Told) -> None:
        account_id = event["account_id"]
        account, figures = self.accounts[account_id], self.figures(account_id)
        told = tuple(event[name] for name in ("standing", "equity_nano", "margin_nano", "add_on_nano"))
        assert told == (account.standing, figures.equity_nano, figures.margin_nano, account.add_on_nano)
