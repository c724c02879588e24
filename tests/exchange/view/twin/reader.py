"""Batches as the twin reads them."""

from itertools import takewhile
from types import SimpleNamespace

import numpy as np

from exchange.published import Published
from exchange.venue.schema import Command
from exchange.view.batches import BatchReader
from kernels.records import names_of
from matching.schema import EXTRA, LEG, QUOTE

ENTRY_LAYOUTS: dict[int, np.dtype] = {Command.EXTRA: EXTRA, Command.QUOTE: QUOTE, Command.LEG: LEG}


class TwinReader(BatchReader):
    """All of a batch, record by record."""

    def __init__(self, batch: Published) -> None:
        super().__init__(batch)
        self._batch = batch

    def order(self, sequence: int) -> tuple:
        """The PLACE command at a sequence."""
        return self._batch.commands[sequence - self.first_sequence].item()

    def head(self, sequence: int) -> SimpleNamespace:
        """The head of a mass quote or basket at a sequence, by the names of its fields."""
        names = names_of(self._batch.commands.dtype)
        return SimpleNamespace(**dict(zip(names, self.order(sequence), strict=True)))

    def entries(self, sequence: int, kind: int) -> list[dict[str, int]]:
        """The records of one kind right behind the head at a sequence: further terms, quotes or legs."""
        at, layout = sequence - self.first_sequence, ENTRY_LAYOUTS[kind]
        behind = self._batch.commands[at + 1 : at + 1 + self.head(sequence).continuations]
        count = len(list(takewhile(lambda each: each == kind, behind["kind"].tolist())))
        return [dict(zip(names_of(layout), row, strict=True)) for row in behind[:count].view(layout).tolist()]
