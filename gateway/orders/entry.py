"""What both doors know of requests that concern many orders: commands out, one answer back when all are durable.

    fields ─▶ model ─▶ Entry: commands ─▶ exchange ─▶ Entry.answer ─▶ row

An operation is the same on REST and on a socket; each door only carries it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import orjson
from pydantic import BaseModel

from exchange import commands
from exchange.plain_commands import plain_place
from exchange.service import Reply
from exchange.venue.schema import SUMMARY_EVENT, Reject, Tier
from exchange.view import MarketView
from gateway.encoding import codec
from gateway.encoding.requests import CancelRequest, OrderTerms, Role, parse
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.orders.plain_answers import BlockReply
from gateway.orders.plain_terms import NEEDED, plain_terms
from gateway.orders.requests import BatchRequest, CancelAllTerms
from gateway.submission import Replied, reply_of
from matching.schema import ORDER_COMMAND, Side

Replies = Sequence[Replied]
Answer = Callable[[Reply], Row | orjson.Fragment]
OWNERS = (Role.TRADER, Role.PROVIDER)


class Entry(NamedTuple):
    """Commands that are queued side by side, and what to answer once all of them are done."""

    groups: Sequence[np.ndarray]
    answer: Callable[[Replies], Row]
    """Raises ApiError when all of it is refused."""


class OrderOperation(NamedTuple):
    """One thing that can be asked for."""

    model: type[BaseModel]
    enter: Callable[[MarketView, int, Any], Entry]
    """What an account's request comes to. Raises ApiError."""
    roles: tuple[Role, ...] = OWNERS
    brings_orders: bool = True

    def entry(self, view: MarketView, account_id: int, fields: Mapping[str, Any]) -> Entry:
        """A request from its fields. Raises ApiError."""
        return self.enter(view, account_id, parse(self.model, fields))


def place_many(view: MarketView, account_id: int, request: BatchRequest) -> Entry:
    """Orders one after the other. Each is refused for itself, by the doors or by the exchange.

    Those that are a limit and perhaps a client id go the plain road, which takes a third of the time.
    """

    def enter(fields: Any) -> tuple[np.ndarray, Answer]:
        terms = plain_terms(view.tranche_by_symbol, _object(fields), account_id, 0, NEEDED)
        if terms is not None:
            records = np.frombuffer(plain_place(terms, fields.get("client_id")), ORDER_COMMAND)
            return records, partial(_plainly_placed, view, fields)
        order = parse(OrderTerms, fields)
        return codec.place_command(view, account_id, order), partial(codec.place_answer, view, order)

    return _each(request, enter)


def cancel_many(view: MarketView, account_id: int, request: BatchRequest) -> Entry:
    """Cancels one after the other, each refused for itself."""

    def enter(fields: Any) -> tuple[np.ndarray, Answer]:
        target = parse(CancelRequest, _object(fields))
        return codec.cancel_command(account_id, target, target), partial(codec.change_answer, view)

    return _each(request, enter)


def cancel_all(view: MarketView, account_id: int, terms: CancelAllTerms) -> Entry:
    """One command for all own orders that match."""
    command = commands.mass_cancel(
        account_id,
        session_id=terms.session,
        label=terms.label,
        side=None if terms.side is None else Side[terms.side.upper()],
        instrument_id=None if terms.symbol is None else codec.instrument_id_of(view, terms.symbol),
        region_id=None if terms.region is None else codec.region_id_of(view, terms.region),
        tier=None if terms.tier is None else Tier[terms.tier.upper()],
        client_id=terms.retry_id or "",
    )
    return Entry([command], one_reply(_cancelled))


def one_reply(answer: Callable[[Reply], Row]) -> Callable[[Replies], Row]:
    """What to answer to one command. Raises ApiError."""
    return lambda replies: answer(reply_of(replies[0]))


def at_place(name: str, places: Sequence[int], reply: Reply, answer: Callable[[Reply], Row]) -> Row:
    """The answer to a command of many entries; a refusal names the entry for whose sake nothing happened.

    `places` are the instruments of the entries. Raises ApiError.
    """
    try:
        return answer(reply)
    except ApiError as refused:
        instrument_id = int(reply.events[-1]["instrument_id"])
        if instrument_id in places:
            refused.param = f"{name}[{places.index(instrument_id)}]"
        elif refused.error is not Reject.CLIENT_ID_REUSED:
            refused.param = None  # all entries together are refused, and no field of one of them is at fault
        raise


def instruments_of(view: MarketView, name: str, symbols: Sequence[str]) -> list[int]:
    """The tranches that entries name. Raises ApiError, which names the entry."""
    found = []
    for at, symbol in enumerate(symbols):
        try:
            found.append(codec.instrument_id_of(view, symbol))
        except ApiError as refused:
            refused.param = f"{name}[{at}].symbol"
            raise
    return found


def _plainly_placed(view: MarketView, fields: dict[str, Any], reply: Reply) -> Row | orjson.Fragment:
    """The answer to an order that went the plain road."""
    block = BlockReply(reply)
    first, end = block.take(0)
    if block.is_rested(first, end):
        return orjson.Fragment(block.rested_text(fields, first))
    return codec.place_answer(view, parse(OrderTerms, fields), reply)


def _each(request: BatchRequest, enter: Callable[[Any], tuple[np.ndarray, Answer]]) -> Entry:
    """Orders or cancels that have nothing to do with each other."""
    groups: list[np.ndarray] = []
    told: list[Answer | ApiError] = []
    for fields in request.orders:
        try:
            group, answer = enter(fields)
        except ApiError as refused:
            told.append(refused)
        else:
            groups.append(group)
            told.append(answer)

    def answer_all(replies: Replies) -> Row:
        results = list(_results(told, iter(replies)))
        accepted = sum(bool(result["ok"]) for result in results)
        return {"accepted": accepted, "refused": len(results) - accepted, "results": results}

    return Entry(groups, answer_all)


def _results(told: Sequence[Answer | ApiError], replies: Iterator[Replied]) -> Iterator[Row]:
    for each in told:
        try:
            if isinstance(each, ApiError):
                raise each
            yield {"ok": True, "result": each(reply_of(next(replies)))}
        except ApiError as refused:
            row: Row = {"ok": False, "error": refused.as_json()}
            yield row | ({"repeated": True} if refused.is_repeated else {})


def _object(fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise ApiError(DoorError.NOT_AN_OBJECT)
    return fields


def _cancelled(reply: Reply) -> Row:
    """How many orders went, which a repeated answer has forgotten, and how many lots."""
    happened = codec.told(reply)
    outcome = codec.outcome_of(reply)
    count = None if outcome.is_repeated else int(reply.events.view(SUMMARY_EVENT)["order_count"][-1])
    return {"cancelled": count, "quantity": str(outcome.quantity_lots)} | happened
