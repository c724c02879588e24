"""`bwx bench gateway`, `feed` and `neighbours`: what the doors cost, and what they hold."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, progress_steps, refuse

Directory = Annotated[Path, typer.Option(help="An existing folder on the disk to measure.")]
Seconds = Annotated[float, typer.Option(help="How long each round is measured, about; at most 10.")]


def gateway(directory: Directory = Path(), seconds: Seconds = 1.0) -> None:
    """Send orders through the doors and the same bytes to an echo in turn, and print it all as one line of JSON.

    The echo is bare aiohttp with orjson. Exchange and echo are processes on one core, whoever asks has another one, and
    every answer waits until its order is on disk (synchronous=FULL). The doors' budgets of requests are raised so that
    they never bind; all else is as `bwx serve` opens them. `ack_extra_us` is what an order alone takes beyond an echo
    and one commit. `p99_ms_at_half` counts from the time at which an order was meant to be sent; the first 0.2 s of a
    round, in which orders come upon an exchange at rest, are told apart as `p99_ms_after_rest`, and
    `echo_p99_ms_at_half` is that of echoes at the same rate: the machine's own. Ratios are medians of five rounds that
    take turns. The store goes into a folder of its own, which is removed in the end.

    Example: bwx bench gateway --directory .bwx
    """
    from exchange.store_errors import StoreError
    from gateway.bench.gateway import run_gateway
    from gateway.bench.processes import BenchError

    try:
        with progress_steps() as report:
            result = run_gateway(directory, seconds, on_progress=report)
    except (ValueError, OSError, StoreError, BenchError) as error:
        refuse(error)
    print_json(result)


def feed(
    directory: Directory = Path(),
    seconds: Seconds = 1.0,
    subscribers: Annotated[int, typer.Option(help="How many follow the book, on a connection each.")] = 1_000,
) -> None:
    """Tell many of the changes of a book, broadcast the same bytes in turn, and print it all as one line of JSON.

    The broadcast is bare aiohttp: one message, sent to each connection. Of `fanout_ratio` the exchange's side includes
    the orders that change the book, each on disk before anybody hears of it. The doors' budgets and numbers of
    connections are raised so that they never bind. `bytes_per_idle_connection` is what the server's resident memory
    grows by for a connection that has asked for nothing. The store goes into a folder of its own, which is removed.

    Example: bwx bench feed --directory .bwx
    """
    from gateway.bench.feed import run_feed
    from gateway.bench.processes import BenchError

    try:
        with progress_steps() as report:
            result = run_feed(directory, seconds, subscribers, on_progress=report)
    except (ValueError, OSError, BenchError) as error:
        refuse(error)
    print_json(result)


def neighbours(directory: Directory = Path(), seconds: Seconds = 1.0) -> None:
    """Measure what others notice of a reader that stops and of a flood of orders, and print it as one line of JSON.

    Two hundred follow a book that changes 200 times a second (`push_…`), beside one more who reads in one round and has
    stopped reading in the next, until the exchange closes it by name. Installed, it is closed over 8 MiB or 16,384
    messages that wait, here over `outbox_messages_max` of them, so that it happens within each round. Then a trader
    sends 200 requests a second (`order_…`), an order and its cancel in turn, alone in one round, and in the next beside
    an account that sends ten times as many orders as its budget allows. Of its `attacks`, `attacks_rate_limited` were
    refused by that name. `cancel_max_…` are the slowest cancels beside them: the trader's, and the attacker's own on
    another connection.

    Times count from when a request was meant to be sent, budgets are those of an installation, and every order is on
    disk before it is answered or told (synchronous=FULL). `…_times_without` is the p99 beside the one who misbehaves as
    a multiple of that without it, the median of three pairs of rounds. The store goes into a folder of its own, which
    is removed.

    Example: bwx bench neighbours --directory .bwx
    """
    from exchange.store_errors import StoreError
    from gateway.bench.neighbours import run_neighbours
    from gateway.bench.processes import BenchError

    try:
        with progress_steps() as report:
            result = run_neighbours(directory, seconds, on_progress=report)
    except (ValueError, OSError, StoreError, BenchError) as error:
        refuse(error)
    print_json(result)
