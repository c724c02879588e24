"""An exchange of its own for a run under load: in a temporary store, with a plan and a key for an administrator."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import orjson

PLAN = Path(__file__).with_name("plan.toml")
OPENED_S = 900
"""On a new machine the market is compiled first."""
CLOSED_S = 60
TOGETHER = {
    "BWX_GATEWAY_CONNECTIONS_PER_ADDRESS_MAX": "4096",
    "BWX_GATEWAY_ADDRESS_WEIGHT_PER_S": "20000",
    "BWX_GATEWAY_ADDRESS_WEIGHT_BURST": "200000",
    "BWX_GATEWAY_ATTEMPTS_PER_ADDRESS_PER_S": "2000",
    "BWX_GATEWAY_ATTEMPTS_PER_ADDRESS_BURST": "20000",
}
"""All users come from one address, so what is counted by address is raised; budgets of accounts are as installed."""


class ServingError(Exception):
    """Why there is no exchange; `str` has what it said last."""


class Served(NamedTuple):
    """An exchange that was started here."""

    url: str
    directory: Path
    key_file: Path
    pid: int

    def operator(self) -> tuple[str, str]:
        """Its administrator's key, and the secret of it."""
        told = orjson.loads(self.key_file.read_bytes())
        return told["key_id"], told["secret"]


@contextmanager
def served(folder: Path | None = None, plan: Path = PLAN, settings: Mapping[str, str] = TOGETHER) -> Iterator[Served]:
    """Start an exchange, and end it with the context; its store is in a folder that goes too. Raises ServingError."""
    with tempfile.TemporaryDirectory(prefix=".bwx-load-", dir=folder) as place:
        directory, key_file = Path(place) / "exchange", Path(place) / "operator.json"
        key_file.touch(mode=0o600)
        key_file.write_bytes(_operator_key(directory))
        process = subprocess.Popen(
            [*_bwx(), "serve", "--directory", directory, "--market", plan, "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | settings,
        )
        try:
            yield Served(_url_of(process), directory, key_file, process.pid)
        finally:
            stop(process)


def stop(process: "subprocess.Popen[str]") -> None:
    """Ask a process to end, and make it end if it does not."""
    process.terminate()
    try:
        process.communicate(timeout=CLOSED_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _bwx() -> list[str]:
    return [sys.executable, "-c", "from gateway.cli import main; main()"]


def _operator_key(directory: Path) -> bytes:
    command = [*_bwx(), "keys", "create", "load-operator", "--role", "admin", "--directory", str(directory)]
    ended = subprocess.run(command, capture_output=True, check=False)
    if ended.returncode:
        raise ServingError(ended.stderr.decode(errors="replace").strip())
    with suppress(ValueError):
        orjson.loads(ended.stdout)
        return ended.stdout
    raise ServingError(f"no key was made: {ended.stdout!r}")


def _url_of(process: "subprocess.Popen[str]") -> str:
    """The address that it says it is open at; it is closed if it does not open in time, so reading ends."""
    assert process.stdout is not None
    said, deadline_s = "", time.monotonic() + OPENED_S
    for line in process.stdout:
        said = line.strip() or said
        found = re.search(r"open at (https?://\S+)", line)
        if found:
            return found.group(1)
        if time.monotonic() > deadline_s:
            break
    raise ServingError(f"the exchange did not open: {said}")
