"""`bwx bench neighbours`: what others notice of one who misbehaves beside them, and that it is stopped by name.

Two promises: a subscriber that stops reading is closed while all others hear of every change as before
(`stopped_reader.py`), and an account that sends ten times what its budget allows is refused while others trade as
before and cancels act at once (`attack.py`). Rounds without and with the one who misbehaves take turns; a ratio is the
median of those of rounds that follow each other. Requests are sent by the clock, and counted from when they were meant
to be sent.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from gateway.bench.attack import measure_attack
from gateway.bench.driving import check_seconds
from gateway.bench.exchange_server import OUTBOX_MESSAGES_MAX, serve_neighbours
from gateway.bench.processes import Server, allow_connections, choose_cores, pinned, server
from gateway.bench.stopped_reader import measure_stopped_reader

ROUNDS = 3
SUBSCRIBERS = 200
"""What an installation takes from one address, and lets it ask for unsigned."""

Report = Callable[[str, int, int], None]


def run_neighbours(directory: Path, seconds: float = 1.0, on_progress: Report = lambda *_: None) -> dict[str, Any]:
    """Measure each round for about so many seconds; return what `bwx bench neighbours` prints.

    `on_progress` is told (what is done, how much of it, in all), outside the timed sections. Raises ValueError for a
    time that makes no sense, and OSError, StoreError or BenchError where nothing can be measured.
    """
    check_seconds(seconds)
    allow_connections(SUBSCRIBERS)
    cores = choose_cores()
    on_progress("opening", 0, 1)
    with (
        tempfile.TemporaryDirectory(prefix=".bwx-bench-", dir=directory) as folder,
        server(serve_neighbours, cores.server, Path(folder) / "exchange") as exchange,
        pinned(cores.client),
    ):
        figures = uvloop.run(_measure(exchange, seconds, on_progress))
    return {"seconds": seconds, "rounds": ROUNDS, "cores": cores.used, **figures}


async def _measure(exchange: Server, seconds: float, on_progress: Report) -> dict[str, Any]:
    maker, trader, attacker = exchange.told
    sizes = {"subscribers": SUBSCRIBERS, "outbox_messages_max": OUTBOX_MESSAGES_MAX}
    stopped = await measure_stopped_reader(maker, exchange.pid, SUBSCRIBERS, ROUNDS, seconds, on_progress)
    attacked = await measure_attack(trader, attacker, ROUNDS, seconds, on_progress)
    return sizes | stopped | attacked
