"""`bwx serve` killed while connections guard orders: after its next start those are gone, and all others stay."""

import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.client import Client, StreamClosedError
from gateway.identity.keys import NO_ACCOUNT, KeyStore

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
[[regions]]
code = "eu-fra"

[[series]]
region = "eu-fra"
tier = "ef"
window = "PT1H"
reference_price = "0.04"
gate_lead_s = 900
horizon_s = 21600
"""
BWX = "from gateway.cli import app; app()"
PRICE = "0.03"


@pytest.fixture
def serve(tmp_path):
    """Starts a process on one and the same store; what still runs in the end is killed."""
    plan = tmp_path / "market.toml"
    plan.write_text(PLAN)
    processes: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", BWX, "serve", "--port", "0", "--directory", tmp_path / "store"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen([*command, "--market", plan], cwd=ROOT, **pipes)
        processes.append(process)
        return process, address(process)

    yield start
    for process in processes:
        process.kill()
        process.wait()


def address(process: subprocess.Popen[str]) -> str:
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        found = re.search(r"open at (\S+) after", line)
        if found:
            return found[1]
    pytest.fail("".join(lines))


async def trader(admin: Client, url: str, name: str) -> Client:
    await admin.open_account(name)
    await admin.deposit(name, 1_000)
    key = await admin.create_key(name)
    return Client(url, key.key_id, key.secret)


def at(client: Client, url: str) -> Client:
    """The same key at another address."""
    return Client(url, client._key_id, client._secret)


async def test_guarded_orders_are_gone_after_a_kill_and_all_others_stay(serve, tmp_path):
    with closing(KeyStore.open(tmp_path / "store")) as keys:
        key = keys.create(NO_ACCOUNT, ("admin",))
    process, url = serve()
    admin = Client(url, key.key_id, key.secret)
    async with admin, await trader(admin, url, "alice") as alice, await trader(admin, url, "bob") as bob:
        # Tranches are listed when time passes, as it does with any command.
        instrument = (await admin.instruments(state="open"))[-1]
        kept = [(await alice.place(instrument.symbol, "buy", 1, PRICE)).order_id]
        await bob.place(instrument.symbol, "buy", 2, PRICE)
        timer = await alice.cancel_after(3_600, session=9)
        async with alice.stream("connection") as guarding, alice.stream() as plain, bob.stream("account"):
            for _ in range(3):
                await guarding.place(instrument.symbol, "buy", 3, PRICE)
            kept.append((await plain.place(instrument.symbol, "buy", 4, PRICE)).order_id)
            assert len(await alice.orders()) == 5
            process.send_signal(signal.SIGKILL)
            process.wait()
            with pytest.raises(StreamClosedError):
                await guarding.place(instrument.symbol, "buy", 5, PRICE)
    process, url = serve()
    async with at(alice, url) as alice, at(bob, url) as bob:
        assert [order.order_id for order in await alice.orders()] == kept
        assert await bob.orders() == []
        assert [each.cancels_at_ns for each in await alice.cancel_timers()] == [timer.cancels_at_ns]
