"""Records without padding."""

import numpy as np
import pytest

from exchange.venue import schema as venue_schema
from exchange.venue.image import LAYOUTS
from kernels.records import RECORD_BYTES, copied, joined, record
from matching import schema as matching_schema
from risk import schema as risk_schema

MODULES = (matching_schema, risk_schema, venue_schema)
RECORDS = {
    f"{module.__name__}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, np.dtype)
}


def test_fields_stand_where_they_are_named_one_behind_the_other() -> None:
    layout = record(("first", "u8"), ("second", "i4"), ("third", "u4"))
    assert [layout.fields[name][1] for name in layout.names] == [0, 8, 12]
    assert layout.itemsize == 16


@pytest.mark.parametrize(
    "fields",
    [
        (("first", "u4"), ("second", "i8")),
        (("first", "i8"), ("second", "u4")),
        (("first", "u1"), ("second", "u2")),
    ],
)
def test_padding_is_a_bug(fields: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(AssertionError, match="padding"):
        record(*fields)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_copy_of_records_is_the_same_and_has_its_own_memory(length: int) -> None:
    layout = record(("first", "u8"), ("second", "i4"), ("third", "u4"))
    records = np.array([(at, -at, 7) for at in range(length)], layout)
    for copy in (copied(records), joined([records]), joined([records[:1], records[1:]])):
        assert copy.dtype == layout
        assert copy.tolist() == records.tolist()
        assert copy.flags.writeable
        assert not np.shares_memory(copy, records)


@pytest.mark.parametrize("name", RECORDS)
def test_every_byte_of_every_record_belongs_to_a_field(name: str) -> None:
    layout = RECORDS[name]
    assert sum(field[0].itemsize for field in layout.fields.values()) == layout.itemsize


@pytest.mark.parametrize("layout", venue_schema.LAYOUTS)
def test_commands_and_events_have_one_size(layout: np.dtype) -> None:
    assert layout.itemsize == RECORD_BYTES


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_a_snapshot_holds_is_made_of_such_records(name: str) -> None:
    layout = LAYOUTS[name]
    assert sum(field[0].itemsize for field in layout.fields.values()) == layout.itemsize
