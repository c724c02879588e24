"""Cancel on disconnect: a connection that guards orders takes them along when it ends, whatever ends it.

login or set ─▶ on disk ─▶ answer ─▶ ... ─▶ the connection ends ─▶ mass cancel ─▶ off the disk
                                          └▶ the process ends ─▶ the next start: mass cancel ─▶ off the disk

A guarding connection has a number among those of its account, and the orders that are placed over it carry it. It is
free again only when the cancel is durable.
"""

import asyncio

import structlog

from exchange import commands
from exchange.service import Exchange
from gateway.errors import ApiError, DoorError
from gateway.identity.guard_table import GuardRow, GuardTable
from gateway.submission import run

log = structlog.get_logger()
SESSION_ID_MAX = (1 << 16) - 1
RETRY_S = 0.05
START_S_MAX = 10.0


class Guards:
    """The guards of all connections of this process."""

    def __init__(self, exchange: Exchange, table: GuardTable) -> None:
        self._exchange = exchange
        self._table = table
        self._taken: set[tuple[int, int]] = set()
        """Accounts with the numbers that are not free."""
        self._at_work: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        """Rows are written in the order in which they were asked for."""

    async def start(self) -> None:
        """Cancel what was guarded by a process that is gone; what cannot be cancelled at once is tried again."""
        for row in await asyncio.to_thread(self._table.rows):
            self._taken.add((row.account_id, row.session_id))
            self.release(row, is_cancelling=True)
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=START_S_MAX)

    async def settle(self, wait_s: float) -> None:
        """Finish what connections that ended have begun; what takes longer is done at the next start."""
        if self._at_work:
            _, late = await asyncio.wait(self._at_work, timeout=wait_s)
            for task in late:
                task.cancel()

    def take(self, account_id: int, *, of_account: bool, session_id: int | None) -> GuardRow:
        """A number for a connection that will guard orders, the lowest that is free unless it asks. Raises ApiError."""
        wanted = range(1, SESSION_ID_MAX + 1) if session_id is None else (session_id,)
        free = next((each for each in wanted if (account_id, each) not in self._taken), None)
        if free is None:
            raise ApiError(DoorError.SESSION_IN_USE)
        self._taken.add((account_id, free))
        return GuardRow(account_id, free, of_account)

    async def enter(self, row: GuardRow) -> None:
        """Return once a guard is in force."""
        async with self._writing:
            await asyncio.to_thread(self._table.put, row)

    def release(self, row: GuardRow, *, is_cancelling: bool) -> None:
        """A connection ended, or guards no more."""
        task = asyncio.get_running_loop().create_task(self._end(row, is_cancelling))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _end(self, row: GuardRow, is_cancelling: bool) -> None:
        if is_cancelling:
            await self._cancel(row)
        else:
            await self._remove(row)

    async def _cancel(self, row: GuardRow) -> None:
        """Cancel what goes with a connection; what cannot be cancelled now is when the exchange opens again."""
        command = commands.mass_cancel(row.account_id, session_id=None if row.of_account else row.session_id)
        while True:
            try:
                await run(self._exchange, command)
            except ApiError as error:
                if error.error is DoorError.EXCHANGE_STOPPED:
                    log.warning("orders_not_cancelled", account_id=row.account_id, effect="the next start cancels them")
                    return
                await asyncio.sleep(RETRY_S)
            else:
                await self._remove(row)
                return

    async def _remove(self, row: GuardRow) -> None:
        async with self._writing:
            await asyncio.to_thread(self._table.remove, row)
        self._taken.discard((row.account_id, row.session_id))
