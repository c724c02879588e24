"""`bwx serve` as a process, on a disk that fails a sync while it serves: it ends by itself and says why."""

import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from exchange.venue.state import VenueLimits
from exchange.verification import verify
from gateway.client import Client, ClientError
from gateway.identity.keys import NO_ACCOUNT, KeyStore

ROOT = Path(__file__).resolve().parents[2]
END_S = 60


@pytest.fixture
def key(tmp_path):
    """An administrator's, made before the exchange is there."""
    with closing(KeyStore.open(tmp_path)) as keys:
        return keys.create(NO_ACCOUNT, ("admin",))


@pytest.fixture
def serving(tmp_path, key):
    """The process."""
    command = [sys.executable, "-m", "tests.simulation.serve_child", "serve", "--port", "0", "--directory", tmp_path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def address(process: subprocess.Popen) -> str:
    lines = []
    for line in process.stdout:
        lines.append(line)
        found = re.search(r"open at (\S+) after", line)
        if found:
            return found[1]
    pytest.fail("".join(lines))


async def deposit_until_refused(admin: Client) -> None:
    until_s = time.monotonic() + END_S
    while time.monotonic() < until_s:
        await admin.deposit("alice", 1)


async def test_a_failed_sync_ends_the_process_with_exit_code_1_and_the_reason(serving, key, tmp_path):
    async with Client(address(serving), key.key_id, key.secret) as admin:
        await admin.open_account("alice")
        serving.stdin.write("fail\n")
        serving.stdin.flush()
        with pytest.raises((ClientError, aiohttp.ClientError)):
            await deposit_until_refused(admin)
    told, _ = serving.communicate(timeout=END_S)
    assert serving.returncode == 1
    (reason,) = [line for line in told.splitlines() if "the exchange stopped" in line]
    assert re.search(r"sync|disk I/O error|injected", reason), reason
    assert "Traceback" not in told
    assert verify(tmp_path, VenueLimits()).faults == []
