"""What all participants of a process share: where the exchange is, who lets them in, and which windows are open."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import NamedTuple, TypeVar

from gateway.client import Client, Instrument, RefusedError
from load_tests.participants.timed import Recorder, Timing

AnsweredT = TypeVar("AnsweredT")
DEPOSIT_USD = 10_000_000
WINDOWS_AGE_S = 5.0
ADMITTED_AT_ONCE = 8
RATE_LIMITED = "rate_limited"
PAUSE_S = 0.2


class Credential(NamedTuple):
    """A key of one account."""

    account: str
    key_id: str
    secret: str


class Operator(NamedTuple):
    """The key of an administrator."""

    key_id: str
    secret: str


class Scene:
    """One exchange under load. It belongs to the native thread."""

    def __init__(self, url: str, operator: Operator, recorder: Recorder) -> None:
        self.url = url
        self.recorder = recorder
        self._operator = operator
        self._admitting = asyncio.Semaphore(ADMITTED_AT_ONCE)
        self._looking = asyncio.Lock()
        self._windows: list[Instrument] = []
        self._windows_until_s = 0.0
        self._clock_ahead_ns: int | None = None

    async def admit(self, who: str, roles: tuple[str, ...]) -> Credential:
        """A new account with money and a key, through the door of administrators. Raises RefusedError."""
        name = f"load-{who}-{secrets.token_hex(6)}"
        async with self._admitting, Client(self.url, *self._operator) as client:
            await _when_there_is_budget(lambda: client.open_account(name))
            await _when_there_is_budget(lambda: client.deposit(name, DEPOSIT_USD))
            key = await _when_there_is_budget(lambda: client.create_key(name, roles))
        assert key.secret is not None, "a key without a public half of its own comes with its secret"
        return Credential(name, key.key_id, key.secret)

    async def timing(self, who: str) -> Timing:
        """Observations for somebody, with pushes timed by the exchange's clock."""
        if self._clock_ahead_ns is None:
            async with Client(self.url) as client:
                before_ns = time.time_ns()
                told_ns = (await client.server_time()).time_ns
                self._clock_ahead_ns = told_ns - (before_ns + time.time_ns()) // 2
        return Timing(self.recorder, who, clock_ahead_ns=self._clock_ahead_ns)

    async def windows(self) -> list[Instrument]:
        """The open tranches, as they were at most some seconds ago."""
        async with self._looking:
            if time.monotonic() >= self._windows_until_s:
                async with Client(self.url) as client:
                    self._windows = await _when_there_is_budget(lambda: client.instruments(state="open"))
                self._windows_until_s = time.monotonic() + WINDOWS_AGE_S
        return self._windows

    async def cash_windows(self) -> list[Instrument]:
        """Those that are settled in cash: what is delivered is sold by those who can deliver it."""
        return [window for window in await self.windows() if window.delivery is None]


async def _when_there_is_budget(ask: Callable[[], Awaitable[AnsweredT]]) -> AnsweredT:
    """Ask until the budget of whoever pays has enough for it. Raises other refusals."""
    while True:
        try:
            return await ask()
        except RefusedError as refused:
            if refused.code != RATE_LIMITED:
                raise
            await asyncio.sleep((refused.retry_after_ms or 0) / 1e3 + PAUSE_S)


def price_near(window: Instrument, factor: float) -> Decimal:
    """The reference price times a factor, on the window's ticks and within its band."""
    wished = window.reference_price * Decimal(factor)
    within = min(max(wished, window.band_low), window.band_high)
    steps = max(int(within / window.price_step), 1)
    return steps * window.price_step
