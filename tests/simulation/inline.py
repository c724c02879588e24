"""Work in the background, without one: for runs that have to be the same every time."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class InlineExecutor(Executor):
    """Does at once what a thread would do some time: how soon it has would decide what happens next."""

    def __init__(self, *_settings: object, **_more_settings: object) -> None:
        """There are no threads."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future
