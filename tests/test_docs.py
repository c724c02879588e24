"""Documents that say what the code says: the life cycle, the command line, the links."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path

import pytest
import typer

from exchange.venue.clearing.lifecycle import NEXT_ALLOCATION_STATE
from exchange.venue.lifecycle import NEXT_STATE
from gateway.cli import app

ROOT = Path(__file__).resolve().parent.parent
LifeCycle = Mapping[IntEnum, Mapping[IntEnum, IntEnum]]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize(
    ("heading", "table"),
    [("## The life of a tranche", NEXT_STATE), ("**The life of an allocation.**", NEXT_ALLOCATION_STATE)],
)
def test_a_life_cycle_in_the_document_is_the_table_in_the_code(heading: str, table: LifeCycle) -> None:
    text = (ROOT / "docs" / "market.md").read_text()
    section = re.split(r"\n## |\n\*\*", text.split(heading)[1])[0]
    rows = [tuple(row) for row in re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \|$", section, re.MULTILINE)]
    moves = [
        (state.name.lower(), trigger.name.lower(), target.name.lower())
        for state, targets in table.items()
        for trigger, target in targets.items()
    ]
    assert sorted(rows) == sorted([("from", "on", "to"), *moves])


def test_the_reference_of_the_command_line_is_the_one_that_make_docs_writes(tmp_path: Path) -> None:
    fresh = tmp_path / "cli.md"
    command = [sys.executable, "-m", "typer", "gateway.cli", "utils", "docs", "--name", "bwx", "--output", str(fresh)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    assert (ROOT / "docs" / "cli.md").read_text() == fresh.read_text(), "run `make docs`"


def leaf_commands(group: "typer.core.TyperGroup", path: str) -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaf_commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", f"{command.help} {command.epilog}"


def test_every_command_has_an_example() -> None:
    commands = dict(leaf_commands(typer.main.get_command(app), "bwx"))
    assert len(commands) > 10
    assert [path for path, text in commands.items() if f"Example: {path}" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []
