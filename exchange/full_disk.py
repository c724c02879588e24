"""Cancel-only: how the exchange goes on when its disk is full.

    no room for an append ─▶ reserve released ─▶ only what ends risk is taken ─▶ reserve held again ─▶ all is taken

A full disk is met before anything of a batch is durable or applied, so its commands can be refused as if they had never
been sent, and those of them that cancel or halt can be tried again on the room that the reserve gave back. Time passes
for the venue with such commands only: what falls due meanwhile happens, in its order, before the next of them.
"""

import time

import numpy as np

from exchange.kinds import Kinds
from exchange.reserve import Reserve
from exchange.venue.schema import Command

LOOK_EVERY_S = 5.0
ENDS_RISK = ("CANCEL", "MASS_CANCEL", "HALT", "KILL")
"""How the names of commands begin that are taken on a full disk."""
TAKEN_WHEN_FULL = frozenset(kind for kind in Command if kind.name.startswith(ENDS_RISK))
_TAKEN_RECORDS = Kinds((*TAKEN_WHEN_FULL, Command.CONTINUATION))
"""With the texts of their client ids."""


class StorageFull(Exception):  # noqa: N818 - named for what is wrong
    """The disk is full, and this command does not end any risk, or not even the reserve had room for it. Nothing of it
    was done."""


class DiskGuard:
    """Owns the reserve, and knows whether the exchange is in cancel-only mode."""

    def __init__(self, reserve: Reserve, *, is_full: bool = False, look_every_s: float = LOOK_EVERY_S) -> None:
        self.is_full = is_full
        self._reserve = reserve
        self._look_every_s = look_every_s
        self._looked_s = time.monotonic()

    def meet_full_disk(self) -> bool:
        """Go cancel-only; True if there was a reserve to give back. Raises OSError."""
        self.is_full = True
        self._looked_s = time.monotonic()
        return self._reserve.release()

    def look_for_room(self) -> None:
        """From time to time, try to hold the reserve again; that ends cancel-only mode. Raises OSError."""
        now_s = time.monotonic()
        if self.is_full and now_s >= self._looked_s + self._look_every_s:
            self._looked_s = now_s
            self.is_full = not self._reserve.acquire(leaves_as_much=True)

    def takes(self, group: np.ndarray) -> bool:
        """Whether a command, or a block of them, is taken now."""
        return not self.is_full or ends_risk(group)


def ends_risk(group: np.ndarray) -> bool:
    """Whether a command cancels or halts; of a block, whether all of them do."""
    if len(group) == 1:
        return int(group["kind"][0]) in TAKEN_WHEN_FULL
    return bool(_TAKEN_RECORDS.among(group["kind"]).all())
