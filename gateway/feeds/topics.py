"""What a connection can follow, and how a request names it."""

from collections.abc import Callable
from typing import NamedTuple

from exchange.view import MarketView
from gateway.encoding.codec import instrument_id_of
from gateway.encoding.requests import ChannelRequest
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError

EVERYTHING = 0
"""The subject of a topic that is about no one tranche or account."""
ALL_LEVELS = 0
RAW_MS = 0
CONFLATED_MS = 100
INTERVALS_MS = {
    "book": {"raw": RAW_MS, "100ms": CONFLATED_MS},
    "candles": {"1m": 60_000, "5m": 300_000, "1h": 3_600_000},
}
"""How often a book is told, and how long a candle is; the first is the default."""
_INTERVAL_NAMES = {interval_ms: name for names in INTERVALS_MS.values() for name, interval_ms in names.items()}


class Topic(NamedTuple):
    """One stream of messages: the book or the trades of a tranche, an account or its orders."""

    channel: str
    subject: int = EVERYTHING
    depth: int = ALL_LEVELS  # of a book, of each side
    interval_ms: int = RAW_MS  # of a book: the least time between two messages; of a candle
    is_binary: bool = False


class Channel(NamedTuple):
    """What a subscription to a channel may say, and must."""

    is_private: bool = False
    is_of_staff: bool = False
    takes_symbol: bool = False
    needs_symbol: bool = False
    options: frozenset[str] = frozenset()


CHANNELS = {
    "book": Channel(takes_symbol=True, needs_symbol=True, options=frozenset({"depth", "interval"})),
    "book.l3": Channel(takes_symbol=True, needs_symbol=True, options=frozenset({"encoding"})),
    "trades": Channel(takes_symbol=True),
    "ticker": Channel(takes_symbol=True),
    "candles": Channel(takes_symbol=True, needs_symbol=True, options=frozenset({"interval"})),
    "cells": Channel(),
    "instruments": Channel(),
    "strain": Channel(),
    "orders": Channel(is_private=True, options=frozenset({"since_sequence"})),
    "fills": Channel(is_private=True, options=frozenset({"since_sequence"})),
    "positions": Channel(is_private=True),
    "margin": Channel(is_private=True),
    "deliveries": Channel(is_private=True),
    "account": Channel(is_private=True),
    "events": Channel(is_private=True, options=frozenset({"since_sequence"})),
    "risk": Channel(is_of_staff=True),
}
BINARY_CHANNELS = ("events",)
"""What they tell comes in binary frames and in no other way."""
PRIVATE_CHANNELS = tuple(name for name, channel in CHANNELS.items() if channel.is_private)


def topic_of(
    view: MarketView, request: ChannelRequest, own_account: Callable[[], int], check_staff: Callable[[], None]
) -> Topic:
    """The topic that a request names. Raises ApiError."""
    channel = CHANNELS.get(request.channel)
    if channel is None:
        raise ApiError(DoorError.UNKNOWN_CHANNEL)
    _check_options(request, channel)
    if channel.is_private:
        return Topic(request.channel, own_account())
    if channel.is_of_staff:
        check_staff()
    subject = EVERYTHING if request.symbol is None else instrument_id_of(view, request.symbol)
    depth = ALL_LEVELS if request.depth in (None, "all") else int(request.depth)
    return Topic(request.channel, subject, depth, _interval_ms(request), request.encoding == "binary")


def topic_row(view: MarketView, topic: Topic) -> Row:
    """A topic, as answers and heartbeats name it."""
    is_of_tranche = CHANNELS[topic.channel].takes_symbol and topic.subject in view.tranches
    row: Row = {"channel": topic.channel, "symbol": view.tranches[topic.subject].symbol if is_of_tranche else None}
    return row | options_row(topic)


def options_row(topic: Topic) -> Row:
    """The options under which a book or candles are followed; nothing of other channels."""
    options = CHANNELS[topic.channel].options
    depth: Row = {"depth": topic.depth or "all"} if "depth" in options else {}
    if topic.is_binary:
        return {"encoding": "binary", "instrument_id": topic.subject}
    return depth | ({"interval": _INTERVAL_NAMES[topic.interval_ms]} if "interval" in options else {})


def _interval_ms(request: ChannelRequest) -> int:
    intervals = INTERVALS_MS.get(request.channel, {"": RAW_MS})
    name: str = next(iter(intervals)) if request.interval is None else request.interval
    if name not in intervals:
        raise ApiError(DoorError.INVALID_VALUE, f"interval: one of {', '.join(intervals)}", "interval")
    return intervals[name]


def _check_options(request: ChannelRequest, channel: Channel) -> None:
    for name in ("symbol", "scope"):
        if getattr(request, name) is not None and not channel.takes_symbol:
            raise _unknown(name, request.channel)
    if request.symbol is not None and request.scope is not None:
        raise ApiError(DoorError.INVALID_VALUE, "scope: name a symbol or a scope, not both", "scope")
    if request.symbol is None and request.scope is None and channel.needs_symbol:
        raise ApiError(DoorError.MISSING_FIELD, f"symbol: a {request.channel} is that of one tranche", "symbol")
    for name in ("depth", "interval", "since_sequence", "encoding"):
        if getattr(request, name) is not None and name not in channel.options:
            raise _unknown(name, request.channel)


def _unknown(name: str, channel: str) -> ApiError:
    return ApiError(DoorError.UNKNOWN_FIELD, f"{name}: the channel {channel} takes none", name)
