"""What risk staff do, as readers see it: who is blocked, which limits there are, where protection went off.

Limits are more than an event holds, so they are read from the command that set them, when it is not refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.venue.schema import (
    ACCOUNT_EVENT,
    LIMITS_COMMAND,
    PROTECTION_COMMAND,
    PROTECTION_EVENT,
    SUMMARY_EVENT,
    Command,
    Event,
)
from exchange.view.batches import BatchReader
from exchange.view.records import RegionRule

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]
_SIZES = ("position_lots", "order_lots", "order_nano")
_OF_ACCOUNTS = (*_SIZES, "open_orders_base", "open_orders_max", "open_orders_step_nano")
_TERMS = ("interval_ms", "frozen_ms", "quantity_lots", "net_lots", "notional_nano")


def _set_account_limits(view: MarketView, reader: BatchReader, sequence: int) -> None:
    command = reader.command(sequence, LIMITS_COMMAND)
    account = view.accounts[command["account_id"]]
    for name in _OF_ACCOUNTS:
        setattr(account, f"{name}_limit" if name in _SIZES else name, command[name])


def _set_region_limit(view: MarketView, reader: BatchReader, sequence: int) -> None:
    command = reader.command(sequence, LIMITS_COMMAND)
    _change_rule(view, command["account_id"], command["region_id"], {"position_lots": command["position_lots"]})


def _set_instrument_limits(view: MarketView, reader: BatchReader, sequence: int) -> None:
    command = reader.command(sequence, LIMITS_COMMAND)
    tranche = view.tranches[command["instrument_id"]]
    for name in _SIZES:
        setattr(tranche, f"{name}_limit", command[name])


def _set_protection(view: MarketView, reader: BatchReader, sequence: int) -> None:
    command = reader.command(sequence, PROTECTION_COMMAND)
    terms = {name: command[name] for name in _TERMS} | {"frozen_until_ns": 0}
    _change_rule(view, command["account_id"], command["region_id"], terms)


def _change_rule(view: MarketView, account_id: int, region_id: int, values: Fields) -> None:
    """A rule that says nothing any more goes."""
    rules = view.accounts[account_id].rules
    rule = rules.get(region_id, RegionRule(region_id))._replace(**values)
    if rule.position_lots or rule.interval_ms:
        rules[region_id] = rule
    else:
        rules.pop(region_id, None)


def _pull_kill_switch(view: MarketView, event: Fields) -> None:
    if event["account_id"]:
        view.accounts[event["account_id"]].is_blocked = True
    else:
        view.market_halted = True


def _lift_kill_switch(view: MarketView, event: Fields) -> None:
    view.accounts[event["account_id"]].is_blocked = False


def _freeze(view: MarketView, event: Fields) -> None:
    values = {"frozen_until_ns": event["leaves_lots"]}
    _change_rule(view, event["account_id"], event["counter_account_id"], values)


def _reset_protection(view: MarketView, event: Fields) -> None:
    _change_rule(view, event["account_id"], event["region_id"], {"frozen_until_ns": 0})


BEGIN_RISK_COMMAND: dict[int, Callable[[MarketView, BatchReader, int], None]] = {
    int(Command.SET_ACCOUNT_LIMITS): _set_account_limits,
    int(Command.SET_REGION_LIMIT): _set_region_limit,
    int(Command.SET_INSTRUMENT_LIMITS): _set_instrument_limits,
    int(Command.SET_PROTECTION): _set_protection,
}

APPLY_RISK_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.KILL_SWITCH_PULLED: (SUMMARY_EVENT, _pull_kill_switch),
    Event.KILL_SWITCH_LIFTED: (ACCOUNT_EVENT, _lift_kill_switch),
    Event.PROTECTION_TRIGGERED: (SUMMARY_EVENT, _freeze),
    Event.PROTECTION_RESET: (PROTECTION_EVENT, _reset_protection),
}
