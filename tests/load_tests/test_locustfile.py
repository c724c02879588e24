"""Locust as it is called: against a real exchange, with the exit status that a build can go by."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from aiohttp import ClientConnectionError, ClientSession

from load_tests.load import LOCUSTFILE, locust_command
from tests.gateway.conftest import Serve
from tests.gateway.doors import Doors

ROOT = Path(__file__).resolve().parents[2]
USERS = 8
RUN_S = 3
PATIENCE_S = 60
OTHER_LOOPBACK = "127.0.0.2"
"""Where whoever listens on all addresses would answer too."""
TOGETHER = {"attempts_per_address_burst": 20_000, "address_weight_burst": 20_000}


class Ended(NamedTuple):
    """What Locust came to."""

    status: int
    said: str


class Site(NamedTuple):
    """An exchange, and the key of its operator in a file."""

    doors: Doors
    key_file: Path


@pytest.fixture
async def site(serve: Serve, tmp_path: Path) -> AsyncIterator[Site]:
    async with serve(**TOGETHER) as doors:
        key = doors.keys.create(0, ("admin",))
        key_file = tmp_path / "operator.json"
        key_file.write_bytes(orjson.dumps({"key_id": key.key_id, "secret": key.secret}))
        yield Site(doors, key_file)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def locust(*command: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return Ended(process.returncode or 0, said.decode())


async def test_a_run_within_its_limits_ends_with_zero_and_shows_requests_and_pushes(site: Site) -> None:
    command = locust_command(site.doors.url, site.key_file, RUN_S, USERS)
    ended = await locust(*command, "--p99-ms-max", "60000", "--push-p99-ms-max", "60000")
    assert ended.status == 0, ended.said
    assert re.search(r"socket +taker: place", ended.said)
    assert re.search(r"push +\S*maker: book", ended.said)
    assert re.search(r"push +[\d,]+ +p50 [\d.]+ +p99", ended.said)
    assert site.doors.exchange.view.trades > 0


async def test_a_foreign_host_is_refused_before_anything_is_sent(site: Site) -> None:
    ended = await locust(*locust_command("http://exchange.example:8080", site.key_file, 1, 1))
    assert ended.status == 2, ended.said
    assert "--beyond-loopback exchange.example" in ended.said


async def test_workers_do_the_work_and_the_master_judges_all_of_it(site: Site) -> None:
    command, port = locust_command(site.doors.url, site.key_file, RUN_S, USERS), str(free_port())
    command += ["--processes", "1", "--master-bind-port", port, "--master-port", port]
    ended = await locust(*command, "--p99-ms-max", "0.001")
    assert ended.status == 1, ended.said
    assert re.search(r"socket +taker: place", ended.said)
    assert len(re.findall("the p99 of socket is", ended.said)) == 1, "the workers leave it to their master"


async def test_the_page_is_served_on_this_machine_alone(site: Site) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--web-port", str(port), "--loglevel", "WARNING"),
        *("--host", site.doors.url, "--operator-key", str(site.key_file)),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    page = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(PATIENCE_S), ClientSession() as http:
            fields = {"user_count": USERS, "spawn_rate": USERS}
            while (await asked(http, "POST", f"{page}/swarm", fields)).get("success") is not True:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            names: set[str] = set()
            while not any(name.startswith("taker: ") for name in names):
                await asyncio.sleep(0.2)
                names = {row["name"] for row in (await asked(http, "GET", f"{page}/stats/requests"))["stats"]}
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((OTHER_LOOPBACK, port), timeout=1).close()
    finally:
        process.terminate()
        await process.wait()


async def asked(http: ClientSession, method: str, url: str, fields: dict[str, int] | None = None) -> dict[str, Any]:
    """An answer of Locust's page; an empty one as long as nobody answers."""
    try:
        async with http.request(method, url, data=fields) as response:
            return await response.json()
    except ClientConnectionError:
        return {}
