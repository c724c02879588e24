"""What the venue's twin makes of the passing of time: windows are listed, called, uncrossed, closed and settled.

Events do not say when they happened; the twin knows it from what they are, and sees that nothing came late, and that no
indicative price which should have been told was left out.
"""

import numpy as np

from exchange.venue.lifecycle import AUCTION_STATES, FINAL_STATES, NEXT_STATE, LifeState, Trigger
from exchange.venue.schema import SERIES_COMMAND, Command, Event, Reason, Reject
from exchange.venue.state import VenueLimits
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_margin import price_max, unknown_risk
from tests.exchange.venue.twin_parts import NANO_PER_S, Series, Tranche
from tests.exchange.venue.twin_supervision import FORCED_KINDS, TwinSupervision

CLOSED_STATES = frozenset({LifeState.GATE_CLOSED, LifeState.DELIVERING, LifeState.SETTLED, LifeState.EXPIRED})


class TwinCalendar(TwinSupervision):
    """Series and tranches."""

    def __init__(self, limits: VenueLimits) -> None:
        super().__init__(limits)
        self.time_ns = 0
        self.now_ns = 0
        """When the event at hand happened: within a tick, on the way from the old time to the new."""
        self.command_kind = 0
        self.series: dict[int, Series] = {}
        self.highest_instrument_id = 0

    def come_to(self, event: Told) -> None:
        """Let time pass until an event of a tick."""
        time_ns = max(self.moment_of(event), self.now_ns)
        self.pass_time(time_ns)
        self.now_ns = time_ns

    def moment_of(self, event: Told) -> int:
        """When an event of a tick was due."""
        if event["kind"] in (Event.TRANCHE_LISTED, Event.LISTING_REFUSED):
            return self.series[event["series_id"]].due_ns
        if event["kind"] == Event.TICKED:
            return self.now_ns
        if event["reason"] == Reason.EXPIRED:
            return self.terms[event["order_id"]].expires_ns
        if event["kind"] in FORCED_KINDS:
            account = self.accounts[event["account_id"]]
            return self.now_ns if event["account_id"] in self.touched else account.review_ns
        if self.is_of_supervision(event):
            return self.now_ns
        tranche = self.tranches[event["instrument_id"]]
        if event["kind"] == Event.INDICATIVE:
            return tranche.indicative_due_ns
        if event["kind"] == Event.STATE_CHANGED:
            return self.now_ns if tranche.state == LifeState.LISTED else event["due_ns"]
        return tranche.gate_ns if event["reason"] == Reason.GATE_CLOSED else tranche.deadline_ns

    def is_of_supervision(self, event: Told) -> bool:
        """Whether an event that no account's own deadline brought came of closing positions or cancelling orders."""
        reasons = (Reason.MARGIN_CALL, Reason.REDUCE_ONLY, Reason.SELF_TRADE)
        kinds = (Event.TRADE, Event.FILLED, Event.KILLED, Event.REFRESHED)
        return event["reason"] in reasons or (self.forced is not None and event["kind"] in kinds)

    def pass_time(self, until_ns: int) -> None:
        """Every second in which an auction said nothing, up to but without an instant."""
        for instrument_id, tranche in self.tranches.items():
            if not 0 < tranche.indicative_due_ns < until_ns:
                continue
            if not tranche.is_in_auction:
                tranche.indicative_due_ns = 0
                continue
            assert self.call_price(instrument_id)[:2] == tranche.indicative, "an indicative price was not told"
            seconds = (until_ns - 1 - tranche.indicative_due_ns) // NANO_PER_S + 1
            tranche.indicative_due_ns += seconds * NANO_PER_S

    def on_indicative(self, event: Told) -> None:
        tranche = self.tranches[event["instrument_id"]]
        assert tranche.is_in_auction
        found = tuple(event[name] for name in ("price_ticks", "quantity_lots", "leaves_lots"))
        assert found == self.call_price(event["instrument_id"])
        assert found[:2] != tranche.indicative, "an indicative price was told again"
        tranche.indicative = found[0], found[1]
        tranche.indicative_due_ns += NANO_PER_S

    def define_series(self, group: np.ndarray) -> None:
        command = group.view(SERIES_COMMAND)[0]
        names = ("duration_s", "gate_lead_s", "horizon_s", "opening_auction_s", "closing_auction_s")
        duration_ns, gate_lead_ns, *others_ns = (int(command[name]) * NANO_PER_S for name in names)
        start_ns = int(command["first_start_ns"])
        if start_ns - gate_lead_ns <= self.time_ns:
            start_ns += ((self.time_ns + gate_lead_ns - start_ns) // duration_ns + 1) * duration_ns
        self.series[int(command["series_id"])] = Series(
            start_ns, duration_ns, gate_lead_ns, *others_ns, quantity_step_lots=int(command["quantity_step_lots"])
        )

    def on_tranche_listed(self, event: Told) -> None:
        assert event["instrument_id"] > self.highest_instrument_id, "an id came again"
        self.highest_instrument_id = event["instrument_id"]
        start_ns = self.next_window(event)
        series = self.series[event["series_id"]]
        assert event["gate_ns"] == start_ns - series.gate_lead_ns
        self.tranches[event["instrument_id"]] = Tranche(
            series_id=event["series_id"],
            scope=(event["region_id"], event["tier"]),
            start_ns=start_ns,
            end_ns=start_ns + series.duration_ns,
            gate_ns=event["gate_ns"],
            opening_auction_ns=series.opening_auction_ns,
            closing_auction_ns=series.closing_auction_ns,
            tick_value_nano=1_000 * event["duration_s"] // 3_600,
            price_step_ticks=event["price_step_ticks"],
            quantity_step_lots=series.quantity_step_lots,
            reference_ticks=event["reference_ticks"],
            band_ticks=(event["band_low_ticks"], event["band_high_ticks"]),
            price_max_ticks=price_max(event["reference_ticks"]),
            risk=unknown_risk(event["reference_ticks"]),
            fees_ppm=series.fees_ppm,
        )

    def on_listing_refused(self, event: Told) -> None:
        assert len(self.tranches) == self.limits.instruments, "there was room for another tranche"
        assert event["reason"] == Reject.TOO_MANY_INSTRUMENTS
        self.next_window(event)

    def next_window(self, event: Told) -> int:
        """The start of the window that is listed next, which is what the event must tell."""
        series = self.series[event["series_id"]]
        start_ns = series.next_start_ns
        assert event["start_ns"] == start_ns, "a window was left out or listed twice"
        series.next_start_ns += series.duration_ns
        return start_ns

    def on_state_changed(self, event: Told) -> None:
        tranche = self.tranches[event["instrument_id"]]
        previous, following = LifeState(event["previous_state"]), LifeState(event["state"])
        assert previous == tranche.state, "a tranche moved on from another state"
        trigger, due_ns = self.expected_move(tranche, event["due_ns"])
        assert event["due_ns"] == due_ns, "a deadline was kept at another time"
        assert following == NEXT_STATE[previous][trigger], f"{previous!r} moved on by {trigger!r} to {following!r}"
        assert event["traded_lots"] == tranche.traded_lots
        assert event["replacement_ticks"] == 0, "what is settled in cash is never replaced"
        assert event["final_ticks"] == (self.final_ticks_of(tranche) if following in CLOSED_STATES else 0)
        ends_auction = previous in AUCTION_STATES and trigger in (Trigger.UNCROSS, Trigger.GATE)
        assert tranche.was_uncrossed == (ends_auction and not self.is_halted)
        assert tranche.uncrossing is None, "an uncrossing did not end"
        tranche.state, tranche.since_ns, tranche.was_uncrossed = following, due_ns, False
        self.enter_state(event["instrument_id"], tranche)

    def expected_move(self, tranche: Tranche, now_ns: int) -> tuple[Trigger, int]:
        """What moves a tranche on now, and when that should be."""
        if self.command_kind == Command.HALT:
            return Trigger.HALT, self.time_ns
        if self.command_kind == Command.RESUME:
            return tranche.trigger_after_halt(self.time_ns), self.time_ns
        if self.command_kind == Command.RESUME_MARKET:
            assert self.is_halted, "a market that was not halted was called"
            assert tranche.skips_its_auction, "a tranche was called that need not be"
            return tranche.trigger_after_halt(self.time_ns), self.time_ns
        if tranche.state == LifeState.LISTED:
            return Trigger.CALL if tranche.opening_auction_ns else Trigger.OPENING, self.now_ns
        if self.is_halted:
            tranche.prolong_auction(now_ns)
        return tranche.due_trigger, max(tranche.deadline_ns, tranche.since_ns)

    def enter_state(self, instrument_id: int, tranche: Tranche) -> None:
        """What follows from the state that a tranche has come to."""
        if tranche.state == LifeState.AUCTION:
            tranche.auction_end_ns = tranche.since_ns + tranche.opening_auction_ns
        if tranche.is_in_auction:
            tranche.indicative = (0, 0)
            tranche.indicative_due_ns = tranche.indicative_due_ns or tranche.since_ns + NANO_PER_S
        if tranche.state == LifeState.OPEN:
            assert self.call_price(instrument_id)[1] == 0, "a tranche opened with a crossed book"
        if tranche.state in CLOSED_STATES:
            assert not tranche.positions, "a position is left after the gate"
            assert all(order.instrument_id != instrument_id for order in self.orders.values())
        if tranche.state in FINAL_STATES:
            assert (tranche.state == LifeState.SETTLED) == tranche.was_held
            assert tranche.indicative_due_ns == 0, "an auction is still told of"
            del self.tranches[instrument_id]

    def on_reference_set(self, event: Told) -> None:
        tranche = self.tranches[event["instrument_id"]]
        tranche.reference_ticks = event["reference_ticks"]
        tranche.band_ticks = event["band_low_ticks"], event["band_high_ticks"]

    def on_market_halted(self, _: Told) -> None:
        self.is_halted = True

    def on_market_resumed(self, _: Told) -> None:
        skips = any(each.skips_its_auction for each in self.tranches.values())
        assert not (self.is_halted and skips), "a tranche traded on without its auction"
        self.is_halted = False

    def on_ticked(self, event: Told) -> None:
        assert event["time_ns"] >= max(self.time_ns, self.now_ns), "time went back"
        self.time_ns = self.now_ns = event["time_ns"]
        self.pass_time(self.time_ns + 1)
        for tranche in self.tranches.values():
            if self.is_halted:
                tranche.prolong_auction(self.time_ns)
            assert tranche.deadline_ns > self.time_ns, "a tranche was left behind"
        assert all(each.due_ns > self.time_ns for each in self.series.values()), "a window was not listed"
        assert all(not 0 < order.terms.expires_ns <= self.time_ns for order in self.orders.values())
