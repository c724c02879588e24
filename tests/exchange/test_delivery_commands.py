"""Commands of delivery, field by field."""

import numpy as np
import pytest

from exchange import delivery_commands
from exchange.packing import CommandError, bytes_behind
from exchange.venue.clearing.delivery_schema import DELIVERY_COMMAND, DOWNTIME_COMMAND, INTERRUPTION_COMMAND
from exchange.venue.schema import ACCOUNT_COMMAND, Command

KEY = bytes(range(32))
FIGURES = {"measured_lots": 5, "latency_us": 6, "loss_ppm": 7}


@pytest.mark.parametrize(
    ("group", "layout", "fields"),
    [
        (
            delivery_commands.register_reporter(3, KEY),
            ACCOUNT_COMMAND,
            {"kind": Command.REGISTER_REPORTER, "continuations": 1, "account_id": 3},
        ),
        (
            delivery_commands.report_delivery(3, 1 << 40, 9, **FIGURES, signature=bytes(64)),
            DELIVERY_COMMAND,
            {"kind": Command.REPORT_DELIVERY, "continuations": 2, "account_id": 3, "allocation_id": 1 << 40, "slot": 9}
            | FIGURES,
        ),
        (
            delivery_commands.provision(3, 4),
            DELIVERY_COMMAND,
            {"kind": Command.PROVISION, "account_id": 3, "allocation_id": 4},
        ),
        (
            delivery_commands.dispute(3, 4),
            DELIVERY_COMMAND,
            {"kind": Command.DISPUTE, "account_id": 3, "allocation_id": 4},
        ),
        (
            delivery_commands.correct_delivery(4, 5, -6, with_replacement=True, expected=0),
            DELIVERY_COMMAND,
            {
                "kind": Command.CORRECT_DELIVERY,
                "allocation_id": 4,
                "slot": 5,
                "change_lots": -6,
                "with_replacement": 1,
                "expected": 1,
            },
        ),
        (
            delivery_commands.correct_delivery(4, 5, 6, reason="why"),
            DELIVERY_COMMAND,
            {"kind": Command.CORRECT_DELIVERY, "continuations": 1, "allocation_id": 4, "slot": 5, "change_lots": 6},
        ),
        (
            delivery_commands.interrupt(2, 30),
            INTERRUPTION_COMMAND,
            {"kind": Command.INTERRUPT, "region_id": 2, "lots": 30},
        ),
        (
            delivery_commands.note_downtime(5, 6),
            DOWNTIME_COMMAND,
            {"kind": Command.NOTE_DOWNTIME, "from_ns": 5, "until_ns": 6},
        ),
    ],
)
def test_a_command_says_what_it_is_given_and_nothing_else(
    group: np.ndarray, layout: np.dtype, fields: dict[str, int]
) -> None:
    head = group[:1].view(layout)[0]
    expected = dict.fromkeys(layout.names or (), 0) | fields
    assert {name: int(head[name]) for name in layout.names or ()} == expected
    assert len(group) == 1 + expected["continuations"]


@pytest.mark.parametrize("content", [KEY, bytes(32), bytes(64), bytes(range(1, 65)), b"\0" * 61 + b"\1"])
def test_bytes_behind_a_head_come_out_as_they_went_in(content: bytes) -> None:
    group = delivery_commands.report_delivery(1, 2, 3, **FIGURES, signature=content)
    assert bytes_behind(group) == content


def test_what_fits_no_record_is_refused():
    with pytest.raises(CommandError):
        delivery_commands.dispute(1, 1 << 64)
    with pytest.raises(CommandError):
        delivery_commands.register_reporter(1, KEY[:-1])
