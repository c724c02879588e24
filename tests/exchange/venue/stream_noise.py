"""What no client would send: records with flipped bytes, missing parts, and kinds that nobody knows."""

from typing import Protocol

import numpy as np

from exchange.venue.schema import ACCOUNT_COMMAND, CLOCK_COMMAND, CONTINUATION, SERIES_COMMAND, Command
from kernels.records import RECORD_BYTES
from matching.schema import ORDER_COMMAND
from tests.exchange.venue.market import Market

HORIZON_S_SPARED = 3_600


class Sound(Protocol):
    """A step that makes a command."""

    def records(self, market: Market) -> np.ndarray: ...


OF_OTHERS = [
    *range(Command.KILL_SWITCH, Command.RESET_PROTECTION + 1),
    *range(Command.POST_STAKE, Command.NOTE_DOWNTIME + 1),
]
UNKNOWN_KIND = 255


def damaged(market: Market, sound: Sound, changes: list[tuple[int, int]], keeps: int) -> np.ndarray:
    """A command with some bytes changed and perhaps some records missing."""
    records = bytearray(sound.records(market).tobytes())
    for at, value in changes:
        records[at % len(records)] = value
    return spared(market, np.frombuffer(records[: keeps * RECORD_BYTES], ORDER_COMMAND))


def noise(market: Market, payload: bytes) -> np.ndarray:
    return spared(market, np.frombuffer(bytearray(payload), ORDER_COMMAND))


def spared(market: Market, records: np.ndarray) -> np.ndarray:
    """The same records, without those that would make the venue list windows for hours of venue time on end.

    Commands of risk staff and of clearing, which the twin does not know, become some that nobody knows.
    """
    records["kind"][np.isin(records["kind"], OF_OTHERS)] = UNKNOWN_KIND
    clocks, series = records.view(CLOCK_COMMAND), records.view(SERIES_COMMAND)
    clocks["time_ns"][records["kind"] == Command.TICK] = market.twin.time_ns
    is_far = (records["kind"] == Command.DEFINE_SERIES) & (series["horizon_s"] > HORIZON_S_SPARED)
    series["horizon_s"][is_far] = HORIZON_S_SPARED
    return records


def stray_continuation(_: Market, position: int) -> np.ndarray:
    records = np.zeros(1, CONTINUATION)
    records["kind"], records["position"] = Command.CONTINUATION, position
    return records.view(ORDER_COMMAND)


def unknown_kind(market: Market, kind: int, account_id: int) -> np.ndarray:
    records = np.zeros(1, ACCOUNT_COMMAND)
    records["kind"], records["account_id"], records["client_id_high"] = kind, account_id, 1
    return spared(market, records.view(ORDER_COMMAND))
