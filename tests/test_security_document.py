"""The document on security names tests that there are."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def test_every_test_that_the_document_names_exists() -> None:
    named = NAMED.findall(DOCUMENT.read_text())
    assert len(named) > 30
    files: defaultdict[str, str] = defaultdict(str)  # several may have one name
    for path in (ROOT / "tests").rglob("test_*.py"):
        files[path.name] += path.read_text()
    assert [name for name in named if f"def {name[1]}(" not in files[name[0]]] == []


def test_every_fault_of_the_doors_and_every_risk_of_the_list_has_a_row() -> None:
    rows = re.findall(r"^\| (\w+)", DOCUMENT.read_text(), re.MULTILINE)
    assert {"14", "17", "18", "19", "20"} <= set(rows)
    assert {f"API{number}" for number in range(1, 11)} <= set(rows)
