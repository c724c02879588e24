"""What the commands share at the terminal: results on stdout; progress and refusals on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

USAGE_ERROR = 2


def print_json(result: dict[str, Any]) -> None:
    """One line of JSON on stdout, for programs to read."""
    import orjson

    typer.echo(orjson.dumps(result))


def refuse(error: Exception) -> NoReturn:
    """Say in one line on stderr what is wrong with what the user gave, and end with exit code 2."""
    what = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
    typer.echo(f"bwx: {what}", err=True)
    raise typer.Exit(USAGE_ERROR)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function that is told how much is done, and of how much. It draws on stderr when that is a terminal.

    The bar is drawn only when it is told something, so that no thread of it disturbs a measurement in between.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        task = progress.add_task(label, total=None)
        progress.refresh()
        yield lambda done, total: progress.update(task, completed=done, total=total, refresh=True)


@contextmanager
def progress_steps() -> Iterator[Callable[[str, int, int], None]]:
    """The same for work of several steps: the function is also told what is being done, first of all."""
    if not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda step, done, total: progress.update(
            task, description=step, completed=done, total=total, refresh=True
        )
