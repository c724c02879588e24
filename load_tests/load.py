"""`make load`: an exchange of its own, a minute of everybody who comes to a market, Locust's table, and a verdict.

    python -m load_tests.load --seconds 60 --users 40

Ends with Locust's exit status: 0 if all limits were kept. What follows `--` goes to Locust as it is.
"""

import argparse
import asyncio
import subprocess
import sys
from pathlib import Path

from gateway.client import Client
from load_tests.serving import Served, ServingError, served

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
BEYOND_S = 90
"""So much longer than the run may Locust take before it is ended."""
NOT_RUN = 2


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Load an exchange of its own with everybody who comes to a market.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--workers", type=int, default=0, help="so many processes beside the one that counts")
    parser.add_argument("locust", nargs="*", help="options of Locust, behind --")
    arguments = parser.parse_args()
    if arguments.seconds < 1 or arguments.users < 1 or arguments.workers < 0:
        parser.error("there is nothing to do without seconds and users")
    print(f"load: opening an exchange; then {arguments.users} users for {arguments.seconds} s", file=sys.stderr)
    try:
        with served() as exchange:
            command = locust_command(exchange.url, exchange.key_file, arguments.seconds, arguments.users)
            command += ["--processes", str(arguments.workers)] if arguments.workers else []
            status = run_locust([*command, *arguments.locust], arguments.seconds + BEYOND_S)
            print("\nwhere the time went, in ms", *asyncio.run(stages_of(exchange)), sep="\n  ", file=sys.stderr)
    except ServingError as error:
        print(f"load: {error}", file=sys.stderr)
        sys.exit(NOT_RUN)
    sys.exit(status)


def locust_command(url: str, key_file: Path, seconds: int, users: int) -> list[str]:
    """Locust without its page: all users within a few seconds, then the table."""
    return [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", url, "--operator-key", str(key_file)),
        *("--headless", "--only-summary", "--users", str(users), "--spawn-rate", str(max(1, users // 5))),
        *("--run-time", f"{seconds}s", "--stop-timeout", "5", "--loglevel", "WARNING"),
    ]


def run_locust(command: list[str], timeout_s: float) -> int:
    """Locust's exit status; one that hangs is ended, and has failed."""
    process = subprocess.Popen(command)
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        print("load: Locust did not end in time", file=sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        return process.wait()


async def stages_of(exchange: Served) -> list[str]:
    """A line for each stage on the way of orders, as the exchange has counted it."""
    async with Client(exchange.url, *exchange.operator()) as client:
        told = await client.ask("GET", "/v1/admin/stages")
    return [
        f"{row['stage']:<10}{row['count']:>10,}  mean {row['sum_ns'] / row['count'] / 1e6:8.3f}  "
        f"p50 < {row['p50_ns'] / 1e6:.3f}  p99 < {row['p99_ns'] / 1e6:.3f}"
        for row in told["stages"]
        if row["count"]
    ]


if __name__ == "__main__":
    main()
