"""What readers see of the rows of tranches and accounts: as they are when somebody asks."""

from dataclasses import dataclass

from exchange.venue.figures_schema import FIGURES
from exchange.view.books import BookView
from exchange.view.columns.store import Store
from exchange.view.records import TradeView
from exchange.view.trades import tranche_trades
from kernels.records import names_of

FIGURE_NAMES = names_of(FIGURES)[1:]


class MovingTranche:
    """The row of a tranche."""

    def __init__(self, store: Store, row: int) -> None:
        self.row = row
        self.book = BookView(store, row)
        self._store = store

    @property
    def trades(self) -> list[TradeView]:
        """The latest, the newest last."""
        return tranche_trades(self._store, self.row)

    def number(self, name: str) -> int:
        """One column."""
        return int(self._store.columns.instruments[self.row][name])


@dataclass(frozen=True, slots=True, eq=False)
class MovingAccount:
    """The row of an account. Two are equal when their figures are."""

    store: Store
    account_id: int

    def number(self, name: str) -> int:
        """One column."""
        return int(self.store.columns.accounts[self.account_id][name])

    def __eq__(self, other: object) -> bool:
        """Whether both have the same figures."""
        return isinstance(other, MovingAccount) and self.numbers() == other.numbers()

    def __hash__(self) -> int:
        """Of the account."""
        return hash(self.account_id)

    def numbers(self) -> dict[str, int]:
        """All figures."""
        return {name: self.number(name) for name in FIGURE_NAMES}
