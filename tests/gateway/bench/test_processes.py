"""Who runs where while something is measured."""

import os
import subprocess
import sys

import pytest

from gateway.bench.processes import choose_cores, on_all_cores

CORES = choose_cores()


@pytest.mark.skipif(CORES.server is None, reason="this system has one core, or chooses by itself")
def test_a_server_has_all_cores_for_a_while_and_its_own_again_afterwards() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        os.sched_setaffinity(server.pid, {CORES.server})
        with on_all_cores(server.pid, CORES.server):
            assert {CORES.server, CORES.client} <= os.sched_getaffinity(server.pid)
        assert os.sched_getaffinity(server.pid) == {CORES.server}
        with on_all_cores(server.pid, None):
            assert os.sched_getaffinity(server.pid) == {CORES.server}
        server.communicate(b"\n")
