"""Venue time: a monotonic clock anchored to UTC once, at the start. It never goes back, whatever the wall clock does.

An anchor is only as good as the wall clock it was taken from. When that clock disagrees implausibly with the time at
which the venue last stood, venue time goes on from there instead, and the market starts halted until somebody has
looked.
"""

import time
from dataclasses import dataclass

BACKWARD_NS_MAX = 5 * 1_000_000_000
"""A wall clock may be this far behind the venue's last time, as after a small correction."""
DOWNTIME_NS_MAX = 7 * 86_400 * 1_000_000_000
"""A venue may have been down for this long before the clock is doubted."""
DOWNTIME_NOTICE_NS = 600 * 1_000_000_000
"""A longer downtime is told: a wall clock that is ahead looks the same."""
DOWNTIME_TOLD_NS = 10 * 1_000_000_000
"""A longer one is told to the venue, whose deadlines move."""
DRIFT_ALERT_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where venue time begins to count, why it is doubted, if it is, and how long the venue seems to have been down."""

    time_ns: int
    doubt: str | None
    downtime_ns: int = 0


def anchor(last_venue_ns: int, wall_ns: int) -> Anchor:
    """The venue time to start from, after the venue last stood at `last_venue_ns` (0 for a new one)."""
    if last_venue_ns == 0:
        return Anchor(wall_ns, None)
    if wall_ns < last_venue_ns - BACKWARD_NS_MAX:
        behind_s = (last_venue_ns - wall_ns) / 1e9
        return Anchor(last_venue_ns, f"the system clock is {behind_s:.0f} s behind the time of the last command")
    if wall_ns > last_venue_ns + DOWNTIME_NS_MAX:
        days = (wall_ns - last_venue_ns) / 86_400e9
        return Anchor(last_venue_ns, f"the system clock is {days:.1f} days ahead of the last command")
    time_ns = max(wall_ns, last_venue_ns)
    return Anchor(time_ns, None, time_ns - last_venue_ns)


class VenueClock:
    """Counts from an anchor by the monotonic clock."""

    def __init__(self, anchored: Anchor) -> None:
        self.anchor = anchored
        self._started_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Venue time in nanoseconds since 1970."""
        return self.anchor.time_ns + time.monotonic_ns() - self._started_ns

    def drift_ns(self) -> int:
        """How far the wall clock has moved away since the start; positive when it is ahead."""
        return time.time_ns() - self.now_ns()
