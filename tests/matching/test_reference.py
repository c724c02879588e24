"""The reference page says what the code says."""

import re
from pathlib import Path

import pytest

from matching.schema import LEVEL_EFFECT, EventKind, OrderReason, OrderReject

PAGE = (Path(__file__).resolve().parents[2] / "docs/matching.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
EVENT_ROWS = {cells[0].strip("`"): cells for cells in ROWS if cells[0].strip("`") in EventKind.__members__}
REJECT_ROWS = {cells[1].strip("`"): cells for cells in ROWS if cells[0].isdigit()}
EFFECTS = {
    None: "",
    (+1, "own"): "+ on its own side",
    (-1, "own"): "- on its own side",
    (-1, "other"): "- on the other side",
}


def test_every_reject_is_listed_under_its_number() -> None:
    assert {name: int(cells[0]) for name, cells in REJECT_ROWS.items()} == {
        member.name: member.value for member in OrderReject
    }


@pytest.mark.parametrize("kind", EventKind, ids=lambda kind: kind.name)
def test_every_event_is_listed_with_its_effect_on_levels(kind: EventKind) -> None:
    assert EVENT_ROWS[kind.name][-1] == EFFECTS[LEVEL_EFFECT.get(kind)]


def test_every_reason_is_listed_with_an_event() -> None:
    named = {name for cells in EVENT_ROWS.values() for name in re.findall(r"`(\w+)`", cells[5])}
    assert named == {member.name for member in OrderReason if member != OrderReason.NONE}
