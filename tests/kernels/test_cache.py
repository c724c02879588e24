"""Caches for kernels outside the core."""

import subprocess
import sys

import numba
import pytest

from kernels import cache
from kernels.cache import KernelCache
from kernels.compile import CACHE_FOLDER, JIT_ENABLED, SOURCE_ROOT, cache_key


def test_a_cache_is_named_after_its_sources_and_not_after_those_of_the_core():
    kept = KernelCache("exchange/view/columns/*.py")
    names = {path.relative_to(SOURCE_ROOT).as_posix() for path in kept.sources}
    assert {"exchange/view/columns/follow.py", "kernels/table.py", "matching/schema.py"} <= names
    assert {"exchange/venue/apply.py", "matching/execute.py"}.isdisjoint(names)
    assert kept.folder.name == cache_key(kept.sources) != CACHE_FOLDER.name
    assert kept.folder.parent == CACHE_FOLDER.parent


def test_a_cache_is_complete_when_it_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CORE_FOLDER", tmp_path / "core")
    kept = KernelCache("gateway/encoding/plain/*.py")
    assert not kept.is_complete
    kept.mark_complete()
    assert kept.is_complete
    assert not KernelCache("exchange/units.py").is_complete


@pytest.mark.skipif(not JIT_ENABLED, reason="there is nothing to compile")
def test_machine_code_is_kept_in_its_folder_and_that_of_the_core_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CORE_FOLDER", tmp_path / "core")
    before, kept = numba.config.CACHE_DIR, KernelCache("tests/kernels/test_cache.py")
    answer = kept.kernel(lambda number: number + 1)
    assert before == numba.config.CACHE_DIR
    assert answer(41) == 42
    assert list(kept.folder.rglob("*.nbi"))
    assert not (tmp_path / "core").exists()


def test_what_says_whether_all_is_compiled_loads_no_kernel():
    """A start that will take minutes says so before it begins."""
    code = (
        "import sys; from gateway.warm_up import is_compiled; is_compiled(); print('exchange.service' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=SOURCE_ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
