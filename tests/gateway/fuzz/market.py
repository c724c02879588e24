"""A market without sockets: what the doors make of an input goes straight into a venue and a view."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

from exchange import commands
from exchange.published import Published
from exchange.sequencer import stamp_order_ids
from exchange.service import Reply
from exchange.venue.balances import find_imbalance
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Tier
from exchange.venue.state import VenueLimits
from exchange.view import MarketView
from gateway.encoding import codec
from gateway.encoding.binary_frames import FrameKind, block_of, heads_of, own_events, read_frame, write_frame
from gateway.encoding.json_text import decode_object, encode
from gateway.encoding.requests import (
    CancelRequest,
    ChannelRequest,
    LoginRequest,
    LogoutRequest,
    PingRequest,
    PlaceRequest,
    ReplaceRequest,
    RequestHead,
    SetRequest,
    parse,
)
from gateway.errors import ApiError, DoorError
from gateway.feeds.scopes import Calendar, scope_of
from gateway.feeds.topics import topic_of, topic_row
from gateway.orders.entry import Replies, one_reply
from gateway.orders.routes import ORDER_OPERATIONS
from matching.check import check_book

NANO_PER_S = 1_000_000_000
LIMITS = VenueLimits(instruments=64, orders=1_024, nodes=2_048, accounts=16, positions=512, client_ids=512)
START_NS = 1_800_000_000 * NANO_PER_S
FUZZER, MAKER, TAKER = 1, 2, 3
CASH_NANO = 100_000 * NANO_PER_S
OTHER_REQUESTS = {"login": LoginRequest, "logout": LogoutRequest, "ping": PingRequest, "set": SetRequest}


class Market:
    """A venue and a view that follows it, with what the doors would do between them and a client."""

    def __init__(self) -> None:
        self.venue = Venue(LIMITS)
        self.view = MarketView()
        self.time_ns = START_NS
        self.next_sequence = 1
        self.refusals: dict[str, int] = {}
        """How often an input was refused, by the name of the error."""
        self.outcomes: dict[int, int] = {}
        """How often a command ended, by the kind of its outcome."""
        self.run(commands.concatenate(*_opening()))
        self.pass_time(NANO_PER_S)
        self.run(commands.resume_market())

    def pass_time(self, step_ns: int) -> None:
        """Time goes on; what falls due happens with the next command."""
        self.time_ns += step_ns

    def open_instruments(self) -> list[int]:
        """The latest tranches, most of which trade."""
        return list(self.view.tranches)[-8:]

    def hear(self, payload: bytes) -> None:
        """What a socket does with a text frame: a named refusal, or commands and an answer that can be sent."""
        try:
            row = self._told(payload)
        except ApiError as error:
            self._note_refusal(error)
        else:
            encode(row)

    def hear_frame(self, payload: bytes) -> None:
        """What a socket does with a binary frame."""
        try:
            block = block_of(read_frame(payload), FUZZER, 5)
        except ApiError as error:
            self._note_refusal(error)
            return
        reply = self.run(block)
        self._check_outcomes(block, reply)
        shown = own_events(reply.events, FUZZER)
        read = read_frame(write_frame(FrameKind.OUTCOMES, 1, shown, first_sequence=reply.sequence))
        assert read.records.tobytes() == shown.tobytes()
        assert set(read.records["account_id"].tolist()) <= {FUZZER}

    def run(self, block: np.ndarray) -> Reply:
        """A batch of time and a block, as the sequencer makes one."""
        first = self.next_sequence
        batch = commands.concatenate(commands.tick(self.time_ns), block)
        stamp_order_ids(batch, first)
        events = self.venue.apply(batch, first)
        self.next_sequence += len(batch)
        self.view.apply(Published(first, self.time_ns, batch, events, self.venue.figures_after(events)))
        return Reply(first + 1, self.time_ns, events[events["sequence"] > first])

    def trade(self, group: np.ndarray, account_id: int) -> None:
        """A command of anybody's, so that there is something to trade with."""
        block = group.copy()
        block["account_id"][heads_of(block)] = account_id
        self.run(block)

    def check(self) -> None:
        """Every promise of the book holds, the money adds up, and an image begins the same market again."""
        check_book(self.venue.state.book)
        image = self.venue.image()
        assert find_imbalance(image) == ""
        again = Venue.from_image(image, LIMITS)
        assert again.digest() == self.venue.digest()
        check_book(again.state.book)

    def _told(self, payload: bytes) -> Any:
        fields = decode_object(payload)
        head = parse(RequestHead, {key: fields.pop(key) for key in ("id", "op") if key in fields})
        return {"id": head.id, "result": self._answered(head.op, fields)}

    def _answered(self, op: str, fields: dict[str, Any]) -> Any:
        view = self.view
        if op in ORDER_OPERATIONS:
            entry = ORDER_OPERATIONS[op].entry(view, FUZZER, fields)
            return entry.answer([self._done(group) for group in entry.groups])
        if op == "place":
            order = parse(PlaceRequest, fields)
            group = codec.place_command(view, FUZZER, order)
            return self._one(group, lambda reply: codec.place_answer(view, order, reply))
        if op == "cancel":
            target = parse(CancelRequest, fields)
            return self._one(codec.cancel_command(FUZZER, target, target), self._changed)
        if op == "replace":
            change = parse(ReplaceRequest, fields)
            return self._one(codec.replace_command(FUZZER, change, change), self._changed)
        if op in ("subscribe", "unsubscribe", "resync"):
            return self._topic(parse(ChannelRequest, fields))
        if op in OTHER_REQUESTS:
            return parse(OTHER_REQUESTS[op], fields).model_dump()
        raise ApiError(DoorError.UNKNOWN_OPERATION)

    def _topic(self, request: ChannelRequest) -> Any:
        topic = topic_of(self.view, request, lambda: FUZZER, _refuse_staff)
        if request.scope is not None:
            return [each.symbol for each in Calendar(self.view).members(scope_of(self.view, request.scope))]
        return topic_row(self.view, topic)

    def _changed(self, reply: Reply) -> Any:
        return codec.change_answer(self.view, reply)

    def _one(self, group: np.ndarray, answer: Callable[[Reply], Any]) -> Any:
        return one_reply(answer)([self._done(group)])

    def _done(self, group: np.ndarray) -> Replies:
        """A command that was run, as its future would be."""
        reply = self.run(group)
        self._check_outcomes(group, reply)
        future: Future[Reply] = Future()
        future.set_result(reply)
        return future

    def _check_outcomes(self, block: np.ndarray, reply: Reply) -> None:
        """Each command has one outcome, the last of its events, and a refusal comes alone."""
        sequences = reply.events["sequence"]
        assert sorted(set(sequences.tolist())) == (reply.sequence + heads_of(block)).tolist()
        lasts = np.flatnonzero(np.append(sequences[1:] != sequences[:-1], True))
        lengths = np.diff(lasts, prepend=-1)
        kinds = reply.events["kind"][lasts]
        assert set(lengths[kinds == Event.REJECTED].tolist()) <= {1}, "a refused command did something"
        for kind, count in zip(*np.unique(kinds, return_counts=True), strict=True):
            self.outcomes[int(kind)] = self.outcomes.get(int(kind), 0) + int(count)

    def _note_refusal(self, error: ApiError) -> None:
        encode(error.as_json())
        assert error.error is not DoorError.INTERNAL_ERROR
        name = error.error.name.lower()
        self.refusals[name] = self.refusals.get(name, 0) + 1


def _opening() -> list[np.ndarray]:
    """Accounts with money, two regions, and windows of an hour that are listed as time goes on."""
    accounts = {FUZZER: "fuzzer", MAKER: "maker", TAKER: "taker"}
    series = [
        commands.define_series(
            series_id,
            region_id,
            tier,
            first_start_ns=START_NS + 7_200 * NANO_PER_S,
            duration_s=3_600,
            gate_lead_s=900,
            horizon_s=6 * 3_600,
            reference_ticks=40_000,
            price_step_ticks=10,
            quantity_max_lots=10_000,
        )
        for series_id, (region_id, tier) in enumerate(((1, Tier.EF), (1, Tier.BE), (2, Tier.EF)), start=1)
    ]
    return [
        *(commands.define_region(region_id, code) for region_id, code in enumerate(("eu-fra", "us-nyc"), start=1)),
        *(commands.open_account(account_id, name) for account_id, name in accounts.items()),
        *(commands.deposit(account_id, CASH_NANO) for account_id in accounts),
        *series,
    ]


def _refuse_staff() -> None:
    """The fuzzer's key is a trader's. Raises ApiError."""
    raise ApiError(DoorError.ROLE_MISSING)
