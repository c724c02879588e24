"""The random sessions must reach every corner, or the comparison with the twin says little."""

from hypothesis import HealthCheck, given, settings

from matching.schema import EventKind, OrderReason, OrderReject
from tests.matching.streams import Step, in_batches, session_book, sessions

EXAMPLES = 200
UNREACHED = {
    "TOO_MANY_PRICE_LEVELS",  # only the compiled book has this limit
    "INDICATIVE",  # written by whoever asks for the figures
    *(
        "MARGIN_CALL",
        "KILL_SWITCH",
        "MARKET_MAKER_PROTECTION",
        "NOT_COVERED",
        "CANCEL_AFTER",
    ),  # the venue's reasons, which a book is given
}


def test_a_few_hundred_sessions_reach_every_kind_and_every_reason() -> None:
    seen: set[str] = set()

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(sessions())
    def walk(session: list[Step]) -> None:
        twin = session_book("twin")
        for step in in_batches(session):
            for row in step.events(twin):
                seen.update((row["kind"].name, row["reason"].name))

    walk()
    expected = {member.name for names in (EventKind, OrderReason, OrderReject) for member in names}
    assert expected - seen == UNREACHED
