"""What the README promises a newcomer, done as printed: start the demo, look, trade, listen, stop, verify."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

ROOT = Path(__file__).resolve().parents[2]
BWX = Path(sys.executable).with_name("bwx")
START_S_MAX = 240
LINES_OF_A_SCRIPT = 12


class Demo(NamedTuple):
    """A running demo market."""

    url: str
    directory: Path
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    directory = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [BWX, "serve", "--demo", "--port", "0", "--directory", directory],
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
    )
    try:
        yield Demo(url_of(process), directory, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def url_of(process: "subprocess.Popen[str]") -> str:
    """The address that the exchange says it is open at."""
    assert process.stdout is not None
    deadline_s = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline_s:
        found = re.search(r"open at (http://\S+)", process.stdout.readline())
        if found:
            return found.group(1)
    raise AssertionError("the exchange did not open")


def bwx(demo: Demo, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"BWX_KEY_FILE": str(demo.directory / "trader.json")}
    return subprocess.run([BWX, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def status(demo: Demo) -> dict[str, int]:
    with urllib.request.urlopen(f"{demo.url}/v1/status") as answer:
        return orjson.loads(answer.read())


def test_the_demo_market_trades_by_itself(demo: Demo) -> None:
    deadline_s = time.monotonic() + 30
    before = status(demo)["trades"]
    while status(demo)["trades"] < before + 5:
        assert time.monotonic() < deadline_s, "the bots do not trade"
        time.sleep(0.2)
    assert status(demo)["open_instruments"] > 100


def test_a_newcomer_looks_and_trades_with_the_printed_commands(demo: Demo) -> None:
    listed = bwx(demo, "trade", "instruments", "--region", "eu-fra", "--tier", "af")
    assert "eu-fra.af." in listed.stdout
    bought = bwx(demo, "trade", "buy", "eu-fra.af", "5")
    assert "filled" in bought.stdout, bought.stderr
    rested = bwx(demo, "trade", "buy", "eu-fra.af", "5", "--price", "0.000050")
    order_id = re.search(r"order (\d+)", rested.stdout)
    assert order_id is not None, rested.stderr
    assert order_id.group(1) in bwx(demo, "trade", "orders").stdout
    assert "cancelled" in bwx(demo, "trade", "cancel", order_id.group(1)).stdout
    account = bwx(demo, "trade", "account").stdout
    assert "eu-fra.af." in account
    assert re.search(r"equity \S+ USD, required 0\.\d+ USD, free \S+ USD", account), account
    assert re.search(r"standing: sound; maintenance 0\.\d+ USD", account), account
    assert "ask lots" in bwx(demo, "trade", "book", "eu-fra.af").stdout


def test_a_dry_run_sends_nothing(demo: Demo) -> None:
    shown = bwx(demo, "trade", "buy", "eu-fra.af", "7", "--price", "0.01", "--dry-run")
    assert "nothing was sent" in shown.stdout
    assert " 7 " not in bwx(demo, "trade", "orders").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("trade", "buy", "eu-fra.af", "5", "--price", "0.0100333"), 1, "price"),
        (("trade", "buy", "no-where.af", "5"), 1, "unknown"),
        (("trade", "buy", "eu-fra.af", "5", "--price", "cheap"), 2, "not a price"),
        (("trade", "cancel", "1"), 1, "unknown_order"),
        (("verify", "/no/such/folder"), 1, "no store"),
        (("backup", "/no/such/target", "--directory", "/no/such/folder"), 2, "no store"),
        (("upgrade", "/no/such/folder"), 2, "no store"),
    ],
)
def test_what_cannot_be_done_ends_with_one_clear_line(
    demo: Demo, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended = bwx(demo, *arguments)
    assert ended.returncode == code
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [0, 1])
def test_the_scripts_of_the_readme_hear_the_market(demo: Demo, number: int) -> None:
    script = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[number]
    assert len(script.strip().splitlines()) <= LINES_OF_A_SCRIPT
    here = script.replace("127.0.0.1:8080", demo.url.removeprefix("http://"))
    process = subprocess.Popen([sys.executable, "-u", "-c", here], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        heard = process.stdout.readline() + process.stdout.readline()
        assert re.search(r"(buy|sell|\"ok\":true)", heard), heard
    finally:
        process.kill()
        process.wait()


def test_the_doctor_looks_at_this_machine() -> None:
    looked = subprocess.run([BWX, "doctor"], capture_output=True, text=True, timeout=60)
    assert "python" in looked.stdout
    assert "kernels" in looked.stdout


def test_the_running_exchange_is_backed_up_and_the_backup_restored(demo: Demo, tmp_path: Path) -> None:
    before = status(demo)["sequence"]
    backed_up = bwx(demo, "backup", str(tmp_path / "backup"), "--directory", str(demo.directory))
    copied = orjson.loads(backed_up.stdout)
    assert copied["sequence"] >= before
    restored = bwx(demo, "restore", str(tmp_path / "backup"), "--directory", str(tmp_path / "restored"))
    assert orjson.loads(restored.stdout)["chain_hash"] == copied["chain_hash"]
    verdict = orjson.loads(bwx(demo, "verify", str(tmp_path / "restored")).stdout)
    assert (verdict["ok"], verdict["records"]) == (True, copied["sequence"])
    for refused in (
        bwx(demo, "backup", str(tmp_path / "backup"), "--directory", str(demo.directory)),
        bwx(demo, "restore", str(tmp_path / "backup"), "--directory", str(demo.directory)),
    ):
        assert refused.returncode == 2
        assert "something is there already" in refused.stderr
    in_use = bwx(demo, "restore", str(demo.directory), "--directory", str(tmp_path / "other"))
    assert "held by another opener" in in_use.stderr


def test_the_exchange_stops_cleanly_and_its_store_verifies(demo: Demo) -> None:
    key_ids = orjson.loads((demo.directory / "trader.json").read_bytes())
    assert key_ids["url"] == demo.url
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.stdout is not None
    rest = demo.process.stdout.read()
    assert demo.process.wait(60) == 0
    assert "closed at sequence" in rest
    verified = bwx(demo, "verify", str(demo.directory))
    verdict = orjson.loads(verified.stdout)
    assert verdict["ok"]
    assert verdict["trades"] > 0
    assert verdict["snapshots_compared"] > 0
