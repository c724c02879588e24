"""What kernels are compiled for: a level that the processor has, and no other where somebody chose."""

import os
import subprocess
import sys

import pytest
from llvmlite import binding

from kernels.compile import JIT_ENABLED
from kernels.target import FEATURES, LEVEL, has_level

TARGET = """
import kernels.compile
from numba.core.registry import cpu_target

print(*cpu_target.target_context.codegen().magic_tuple()[1:])
"""
WITH_LEVEL = dict.fromkeys(FEATURES, True)


def target_of(**variables: str) -> list[str]:
    """The processor that a new process compiles for: its name, and what it is said to have."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CPU")}
    run = subprocess.run(
        [sys.executable, "-c", TARGET], env=environment | variables, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled")
def test_a_processor_that_has_the_level_gets_code_for_it_and_any_other_code_for_what_it_is() -> None:
    name, _ = target_of()
    assert name == (LEVEL if has_level(binding.get_host_cpu_features()) else binding.get_host_cpu_name())


@pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled")
def test_a_processor_named_by_the_environment_comes_first() -> None:
    host = binding.get_host_cpu_name()
    assert target_of(NUMBA_CPU_NAME=host)[0] == host


@pytest.mark.parametrize("missing", FEATURES)
def test_a_processor_without_one_of_its_features_does_not_have_the_level(missing: str) -> None:
    assert has_level(WITH_LEVEL | {"avx512f": True})
    assert not has_level(WITH_LEVEL | {missing: False})
    assert not has_level({name: True for name in FEATURES if name != missing})
