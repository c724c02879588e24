"""Servers in processes of their own: one core for whoever serves, another one for whoever asks.

A server tells over a pipe that it is open, and how it is reached; it ends when the other end of the pipe is closed, so
none is left behind, however the measurement ends.
"""

import asyncio
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

HOST = "127.0.0.1"
STARTED_S = 900
"""So long may a server take to open: on a new machine it compiles the market first."""
STOPPED_S = 30
FILES_BESIDE = 256
"""That a process has open beside its connections."""

Serve = Callable[..., Coroutine[Any, Any, None]]


class BenchError(Exception):
    """Why a measurement cannot be made."""


class Server(NamedTuple):
    """A process that serves."""

    told: Any
    """What it said when it was open."""
    pid: int


class Cores(NamedTuple):
    """Where servers and clients run; None where the system decides."""

    server: int | None
    client: int | None

    @property
    def used(self) -> int:
        """How many there are; 1 is shared."""
        return 1 if self.client is None else 2


def choose_cores() -> Cores:
    """Two cores of those that this process may use, if there are two and they can be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    cores = sorted(os.sched_getaffinity(0))
    return Cores(cores[0], cores[1]) if len(cores) > 1 else Cores(None, None)


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Run this thread on a core for a while."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def on_all_cores(pid: int, core: int | None) -> Iterator[None]:
    """Let all threads of a server that was given a core run on every core of this machine for a while."""
    if core is None:
        yield
        return
    threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    for thread in threads:
        os.sched_setaffinity(thread, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        for thread in threads:
            # One that has ended meanwhile needs no core.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread, {core})


@contextmanager
def server(serve: Serve, core: int | None, *arguments: object) -> Iterator[Server]:
    """Run `serve(pipe, *arguments)` in a process of its own for as long as the context lasts. Raises BenchError."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(serve, theirs, core, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Server(_told(ours), process.pid or 0)
    finally:
        ours.close()
        process.join(STOPPED_S)
        if process.is_alive():
            process.kill()
            process.join()


def _told(pipe: Connection) -> Any:
    try:
        told = pipe.recv() if pipe.poll(STARTED_S) else BenchError("a server did not open in time")
    except EOFError:
        told = BenchError("a server ended before it was open")
    if isinstance(told, BenchError):
        raise told
    return told


def _run(serve: Serve, pipe: Connection, core: int | None, arguments: tuple[object, ...]) -> None:
    """The process: what keeps it from opening is told to the one who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pinned(core):
        try:
            uvloop.run(serve(pipe, *arguments))
        except Exception as error:
            pipe.send(BenchError(str(error)))


async def until_closed(pipe: Connection) -> None:
    """Wait until the other end of the pipe is closed."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pipe.fileno(), closed.set)
    await closed.wait()
    loop.remove_reader(pipe.fileno())


def allow_connections(count: int) -> None:
    """Let this process, and those that it starts, have so many connections to two servers each. Raises BenchError."""
    allow_files(2 * count + FILES_BESIDE)


def allow_files(count: int) -> None:
    """Let this process, and those that it starts, have so many files open. Raises BenchError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchError(f"{count:,} open files are needed, and the system allows {hard:,}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def resident_bytes(pid: int) -> int | None:
    """The memory that a process has resident now, or None where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()
