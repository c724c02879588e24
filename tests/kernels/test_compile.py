"""The kernel cache: never code of other sources or other flags, and no compilation that it could spare."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kernels.compile import JIT_ENABLED, SOURCE_ROOT, cache_key, kernel_sources

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="there is nothing to compile")

LEAF = "from kernels.compile import inlined\n\n\n@inlined\ndef answer():\n    return {answer}\n"
KERNEL = """
import numpy as np

from kernels.compile import kernel
from kernels.leaf import answer


@kernel
def store_answer(cells, at):
    cells[at] = answer()
    return cells[0]
"""
CALL = """
import sys

import numpy as np

from kernels.entry import store_answer

print(store_answer(np.zeros(4, np.int64), int(sys.argv[1])), sum(store_answer.stats.cache_hits.values()))
"""
PAST_THE_END = 4


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of what the compiler is told, with a kernel of its own small enough to compile in a moment."""
    package = tmp_path / "sources" / "kernels"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("aliasing.py", "compile.py", "parts.py", "records.py", "target.py"):
        shutil.copy(SOURCE_ROOT / "kernels" / name, package)
    (package / "entry.py").write_text(KERNEL)
    (package / "leaf.py").write_text(LEAF.format(answer=42))
    return package.parent


def run_kernel(sources: Path, at: int = 0, **flags: str) -> subprocess.CompletedProcess[str]:
    """Call the kernel in a new process, with a cache beside the sources."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(sources), "BWX_CACHE_DIR": str(sources.parent / "cache")} | flags
    return subprocess.run(
        [sys.executable, "-c", CALL, str(at)], env=environment, cwd=sources, capture_output=True, text=True, timeout=120
    )


def test_a_second_process_finds_the_code_of_equal_sources(sources: Path) -> None:
    assert run_kernel(sources).stdout.split() == ["42", "0"]
    assert run_kernel(sources).stdout.split() == ["42", "1"]


def test_an_edit_to_a_leaf_in_another_file_is_seen_by_the_next_process(sources: Path) -> None:
    assert run_kernel(sources).stdout.split() == ["42", "0"]
    (sources / "kernels" / "leaf.py").write_text(LEAF.format(answer=43))
    assert run_kernel(sources).stdout.split() == ["43", "0"]
    (sources / "kernels" / "leaf.py").write_text(LEAF.format(answer=42))
    assert run_kernel(sources).stdout.split() == ["42", "1"]


def test_bounds_checks_raise_even_when_code_without_them_is_cached(sources: Path) -> None:
    assert run_kernel(sources).stdout.split() == ["42", "0"]
    checked = run_kernel(sources, at=PAST_THE_END, NUMBA_BOUNDSCHECK="1")
    assert checked.returncode != 0
    assert "IndexError" in checked.stderr
    assert run_kernel(sources, NUMBA_BOUNDSCHECK="1").stdout.split() == ["42", "1"]


def test_bounds_checks_see_the_arrays_of_a_group() -> None:
    code = (
        "import numpy as np\n"
        "from matching.arena import Limits, allocate\n"
        "from matching.export import LEVEL_ROW, copy_levels\n"
        "book = allocate(Limits(instruments=1, orders=1, nodes=1, accounts=1))\n"
        "copy_levels(book, len(book.sides), np.zeros(1, LEVEL_ROW))\n"
    )
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(SOURCE_ROOT)}
    checked = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert "IndexError" in checked.stderr


def test_the_cache_is_named_after_every_kernel_source() -> None:
    sources = kernel_sources()
    names = {path.relative_to(SOURCE_ROOT).as_posix() for path in sources}
    assert {"matching/execute.py", "matching/prices.py", "kernels/table.py"} <= names
    assert cache_key(sources) != cache_key(sources[1:])
