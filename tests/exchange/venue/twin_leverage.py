"""What makes leverage dearer, in plain Python: strain from fractions, interest for each hour from whole numbers.

An hour passes in the order in which the venue must tell of it: a new rate, if it is one, then each debtor by id.
"""

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from exchange.venue.schema import FINANCING_COMMAND, STRAIN_COMMAND, Command, Event, Reject
from exchange.venue.state import VenueLimits
from risk.schema import AMOUNT_NANO_MAX, PPM, RATE_PPM_MAX, UTILISATION_PPM_MAX
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_calendar import TwinCalendar
from tests.exchange.venue.twin_margin import Strain
from tests.exchange.venue.twin_parts import NANO_PER_S

HOUR_NS = 3_600 * NANO_PER_S
HOURS_PER_YEAR = 365 * 24
LEVERAGE_KINDS = frozenset({Command.SET_UTILISATION, Command.SET_STRAIN, Command.SET_FINANCING})


class Curve(NamedTuple):
    """What cash costs a year, in ppm."""

    base_ppm: int = 0
    slope_1_ppm: int = 0
    slope_2_ppm: int = 0
    optimum_ppm: int = 0

    def rate_ppm(self, utilisation_ppm: int) -> int:
        if not self.optimum_ppm:
            return 0
        if utilisation_ppm <= self.optimum_ppm:
            return self.base_ppm + floor(Fraction(self.slope_1_ppm * utilisation_ppm, self.optimum_ppm))
        beyond = Fraction(utilisation_ppm - self.optimum_ppm, PPM - self.optimum_ppm)
        return self.base_ppm + self.slope_1_ppm + floor(self.slope_2_ppm * beyond)


class TwinLeverage(TwinCalendar):
    """Regions under strain, and the hours that debtors pay for."""

    def __init__(self, limits: VenueLimits) -> None:
        super().__init__(limits)
        self.curve = Curve()
        self.rate = (0, 0)
        """Utilisation of cash and rate as told last, in ppm."""
        self.hour_due_ns = 0
        self.debtors: list[int] | None = None
        """Who is still to pay for the hour that is being charged."""
        self.hour_rate = (0, 0)
        """What the hour that is being charged found of utilisation and rate."""

    def leverage_reject(self, group: np.ndarray, regions: int) -> int:
        """0, or why such a command must be refused."""
        command = group.view(STRAIN_COMMAND)[0]
        if self.command_kind == Command.SET_FINANCING:
            curve = curve_of(group)
            is_off = sum(curve[:3]) == 0
            is_sound = sum(curve[:3]) <= RATE_PPM_MAX and curve.optimum_ppm <= PPM
            return 0 if is_sound and is_off == (curve.optimum_ppm == 0) else Reject.FINANCING_OUT_OF_RANGE
        if not 0 < command["region_id"] <= regions:
            return Reject.UNKNOWN_REGION
        if self.command_kind == Command.SET_UTILISATION:
            return 0 if command["utilisation_ppm"] <= UTILISATION_PPM_MAX else Reject.STRAIN_OUT_OF_RANGE
        low_ppm, high_ppm = int(command["low_ppm"]), int(command["high_ppm"])
        is_sound = low_ppm < high_ppm <= UTILISATION_PPM_MAX or low_ppm == high_ppm == 0
        return 0 if is_sound else Reject.STRAIN_OUT_OF_RANGE

    def set_strain(self, group: np.ndarray, event: Told) -> None:
        """Every tranche of the region is worth what it is under strain; who has less than it must is told elsewhere."""
        command = group.view(STRAIN_COMMAND)[0]
        region_id = int(command["region_id"])
        listed = [each for each in self.tranches.values() if each.scope[0] == region_id]
        before = [self.shocks_ticks(each) for each in listed]
        strain = self.strains.get(region_id, Strain())
        if event["kind"] == Event.UTILISATION_SET:
            strain = strain._replace(utilisation_ppm=int(command["utilisation_ppm"]))
        else:
            strain = strain._replace(low_ppm=int(command["low_ppm"]), high_ppm=int(command["high_ppm"]))
        self.strains[region_id] = strain
        assert tuple(event[name] for name in Strain._fields) == strain
        changed = [self.shocks_ticks(each) for each in listed]
        assert event["tranches"] == sum(old != new for old, new in zip(before, changed, strict=True))
        self.excused |= set(self.accounts)
        for tranche, old, new in zip(listed, before, changed, strict=True):
            self.marked |= set(tranche.positions) if old != new else set()

    def set_financing(self, group: np.ndarray, event: Told) -> None:
        self.curve = curve_of(group)
        self.rate = self.found_rate()
        assert tuple(event[name] for name in Curve._fields) == self.curve
        assert (event["utilisation_ppm"], event["rate_ppm"]) == self.rate
        if not self.hour_due_ns and self.curve.optimum_ppm:
            self.hour_due_ns = (self.time_ns // HOUR_NS + 1) * HOUR_NS

    def found_rate(self) -> tuple[int, int]:
        """Utilisation of cash and rate, from all accounts."""
        if not self.curve.optimum_ppm:
            return 0, 0
        cash_nano = [account.cash_nano for account in self.accounts.values()]
        lent_nano, borrowed_nano = sum(max(each, 0) for each in cash_nano), sum(max(-each, 0) for each in cash_nano)
        full = PPM if borrowed_nano else 0
        utilisation_ppm = min(floor(Fraction(PPM * borrowed_nano, lent_nano)), PPM) if lent_nano else full
        return utilisation_ppm, self.curve.rate_ppm(utilisation_ppm)

    def moment_of(self, event: Told) -> int:
        if event["kind"] in (Event.FINANCING_RATED, Event.FINANCED):
            return self.hour_due_ns
        return super().moment_of(event)

    def pass_time(self, until_ns: int) -> None:
        super().pass_time(until_ns)
        while 0 < self.hour_due_ns < until_ns:
            self.begin_hour()
            assert self.hour_rate == self.rate, "another rate was not told"
            assert not self.debtors, "a debtor did not pay"
            self.debtors = None
            self.hour_due_ns = self.hour_due_ns + HOUR_NS if self.curve.optimum_ppm else 0

    def begin_hour(self) -> None:
        """The rate and the debtors of an hour are those of its instant."""
        if self.debtors is None:
            self.hour_rate = self.found_rate()
            owing = sorted(each for each, account in self.accounts.items() if account.cash_nano < 0)
            self.debtors = owing if self.hour_rate[1] else []

    def on_financing_rated(self, event: Told) -> None:
        self.begin_hour()
        assert self.hour_rate != self.rate, "a rate was told again"
        self.rate = self.hour_rate
        assert (event["utilisation_ppm"], event["rate_ppm"]) == self.rate
        assert tuple(event[name] for name in Curve._fields) == self.curve

    def on_financed(self, event: Told) -> None:
        self.begin_hour()
        assert self.hour_rate == self.rate, "somebody paid before a new rate was told"
        assert self.debtors, "somebody paid who owes nothing"
        assert event["account_id"] == self.debtors.pop(0), "debtors pay in the order of ids"
        account = self.accounts[event["account_id"]]
        debt_nano = -account.cash_nano
        interest_nano = ceil(Fraction(debt_nano * self.rate[1], PPM * HOURS_PER_YEAR))
        assert event["amount_nano"] == -min(interest_nano, max(AMOUNT_NANO_MAX - debt_nano, 0))
        account.cash_nano += event["amount_nano"]
        self.fund_nano -= event["amount_nano"]
        assert (event["cash_nano"], event["rate_ppm"]) == (account.cash_nano, self.rate[1])
        self.excused.add(event["account_id"])
        self.marked.add(event["account_id"])


def curve_of(group: np.ndarray) -> Curve:
    command = group.view(FINANCING_COMMAND)[0]
    return Curve(*(int(command[name]) for name in Curve._fields))
