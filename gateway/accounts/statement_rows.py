"""Statements as JSON rows, and the same rows as CSV."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from exchange.statements.lines import NO_ALLOCATION, NO_SLOT, Holding, Kind, Line, Statement
from exchange.units import format_nano, format_ticks
from gateway.encoding.fields import day_text, time_text
from gateway.encoding.rows import Row

CSV_COLUMNS = (
    *("sequence", "index", "part", "time", "kind", "symbol", "counterparty", "allocation", "slot", "side", "quantity"),
    *("price", "rate_ppm", "detail", "amount", "cash", "position_change", "cost_change"),
)


def statement_row(statement: Statement) -> Row:
    """A statement without its lines."""
    return {
        "account": statement.account,
        "day": day_text(statement.start_ns),
        "is_final": statement.is_final,
        "first_sequence": statement.first_sequence,
        "sequence": statement.last_sequence,
        "opening": {"cash": format_nano(statement.opening_nano), "positions": _holdings(statement.opening)},
        "closing": {"cash": format_nano(statement.closing_nano), "positions": _holdings(statement.closing)},
        "moved": format_nano(statement.moved_nano),
        "line_count": len(statement.lines),
        "is_proved": not statement.faults,
        "faults": list(statement.faults),
    }


def line_row(line: Line) -> Row:
    """One line."""
    entry = line.entry
    moves_position = entry.moved_lots != 0 or entry.moved_cost_nano != 0
    return {
        "sequence": line.sequence,
        "index": line.index,
        "part": line.part,
        "time": time_text(line.time_ns),
        "time_ns": line.time_ns,
        "kind": entry.kind.value,
        "symbol": entry.symbol or None,
        "counterparty": entry.counterparty or None,
        "allocation": None if entry.allocation_id == NO_ALLOCATION else entry.allocation_id,
        "slot": None if entry.slot == NO_SLOT else entry.slot,
        "side": entry.side or None,
        "quantity": str(entry.lots) if entry.lots or entry.kind is Kind.SLOT else None,
        "price": format_ticks(entry.price_ticks) if entry.price_ticks else None,
        "rate_ppm": entry.rate_ppm or None,
        "detail": entry.detail or None,
        "amount": format_nano(entry.amount_nano),
        "cash": format_nano(line.cash_nano),
        "position_change": str(entry.moved_lots) if moves_position else None,
        "cost_change": format_nano(entry.moved_cost_nano) if moves_position else None,
    }


def csv_text(row: dict[str, Any], lines: Iterable[Row], cursor: str | None, next_cursor: str | None) -> str:
    """A page of a statement: before its first line what the account opened with, behind its last what it has."""
    written = io.StringIO()
    writer = csv.DictWriter(written, CSV_COLUMNS, restval="", extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    if cursor is None:
        writer.writerows(_end_rows("opening", row["opening"]))
    writer.writerows(lines)
    if next_cursor is None:
        writer.writerows(_end_rows("closing", row["closing"]))
        writer.writerows({"kind": "fault", "detail": fault} for fault in row["faults"])
    return written.getvalue()


def cursor_of(line: Line) -> str:
    """What names the place of a line."""
    return "-".join(map(str, line.place))


def place_of(cursor: str) -> tuple[int, int, int] | None:
    """The place that a cursor names, or None if it names none."""
    parts = cursor.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])


def _holdings(holdings: tuple[Holding, ...]) -> list[Row]:
    return [
        {"symbol": each.symbol, "quantity": str(each.lots), "cost": format_nano(each.cost_nano)} for each in holdings
    ]


def _end_rows(end: str, side: dict[str, Any]) -> Iterable[Row]:
    """Cash and positions at one end of the day; a position's cost stands where its changes do."""
    yield {"kind": end, "cash": side["cash"]}
    for each in side["positions"]:
        place = {"kind": f"{end}_position", "symbol": each["symbol"]}
        yield place | {"position_change": each["quantity"], "cost_change": each["cost"]}
