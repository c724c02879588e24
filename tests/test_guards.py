"""Habits that a reviewer should not have to check: what may import what, and what stays out of the core.

Imports point one way: gateway -> exchange -> {risk, matching} -> kernels. The core, which decides what becomes of
orders and money, knows no clock, no files or sockets, no randomness and no floats.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = frozenset({"kernels", "matching", "risk", "exchange", "gateway", "load_tests", "tests"})
MAY_IMPORT = {
    "kernels": {"kernels"},
    "matching": {"matching", "kernels"},
    "risk": {"risk", "kernels"},
    "exchange": {"exchange", "risk", "matching", "kernels"},
    "gateway": {"gateway", "exchange", "risk", "matching", "kernels"},
}
SEES_WHO_ASKS = {"encoding", "identity"}
ROOMS_OF_THE_GATEWAY = {
    "encoding": set(),
    "feeds": {"encoding"},
    "identity": {"encoding"},
    "limits": SEES_WHO_ASKS,
    "orders": SEES_WHO_ASKS | {"limits"},
    "sockets": SEES_WHO_ASKS | {"feeds", "limits", "orders"},
    "market": SEES_WHO_ASKS | {"feeds"},
    "pages": SEES_WHO_ASKS | {"feeds"},
    "risk": SEES_WHO_ASKS | {"feeds", "limits"},
    "clearing": SEES_WHO_ASKS,
    "accounts": SEES_WHO_ASKS,
    "staff": SEES_WHO_ASKS,
    "client": SEES_WHO_ASKS | {"feeds", "clearing"},
}
"""Which other rooms of the gateway each may import; those that are not here may import all."""
CORE = ("kernels", "matching", "risk", "exchange/venue")
PURE = (*CORE, "exchange/parameters")
OUTSIDE_WORLD = frozenset(
    {
        *("aiohttp", "apsw", "asyncio", "asyncpg", "concurrent", "ctypes", "datetime", "gevent", "http", "io"),
        *("logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "random", "redis", "secrets", "select"),
        *("selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "sys", "tempfile"),
        *("threading", "time", "urllib", "uuid", "zoneinfo"),
    }
)
OUTSIDE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "breakpoint"})
KNOWS_THE_OUTSIDE = {
    "kernels/arrays.py": "reads out of an array object where the array begins",
    "kernels/cache.py": "says in which folders other caches of the compiler are",
    "kernels/compile.py": "names the compiler's cache after the sources, which it reads once, when it is imported",
    "kernels/memory.py": "asks the system for pages without a file behind them",
}
FILE_LINES_MAX = 500
# Written backwards, so that this file is not the first to be found.
UNFINISHED = re.compile(rf"\b({'|'.join(word[::-1] for word in ('ODOT', 'EMXIF', 'KCAH'))})\b")
HOSTS = re.compile(r"://|--(extra-)?index-url|--find-links|--trusted-host|^\s*-[if]\b| @ ", re.MULTILINE)
TEXT_SUFFIXES = frozenset({".py", ".md", ".toml", ".txt", ".js", ".css", ".html", ".json", ".yaml", ".yml", ""})


def sources(*folders: str) -> list[str]:
    """Every Python file below these folders, as a path from the root."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def parse(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def imported(tree: ast.AST) -> set[str]:
    """The full names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written from the root"
            names.add(str(node.module))
    return names


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def outside_calls(tree: ast.AST) -> Iterator[str]:
    """What a file calls to reach beyond its arguments, or numpy's own random numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OUTSIDE_CALLS:
            yield node.func.id
        if isinstance(node, ast.Attribute) and node.attr in ("random", "urandom", "fromfile", "tofile", "memmap"):
            yield node.attr


def floats(tree: ast.AST) -> Iterator[str]:
    """Float literals, true divisions and float types, by line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"line {node.lineno}: the literal {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"line {node.lineno}: a true division"
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if re.fullmatch(r"float\d*|double|mean|sqrt|log|exp", name):
                yield f"line {node.lineno}: {name}"


@pytest.mark.parametrize("path", sources(*MAY_IMPORT))
def test_imports_point_one_way(path: str) -> None:
    package = path.partition("/")[0]
    assert packages(imported(parse(path))) & OURS <= MAY_IMPORT[package]


@pytest.mark.parametrize("room", ROOMS_OF_THE_GATEWAY)
def test_rooms_of_the_gateway_import_one_way(room: str) -> None:
    rooms = {path.parent.name for path in (ROOT / "gateway").glob("*/__init__.py")}
    paths = sources(f"gateway/{room}")
    names = {name.split(".")[1] for path in paths for name in imported(parse(path)) if name.startswith("gateway.")}
    assert paths
    assert names & rooms - {room} <= ROOMS_OF_THE_GATEWAY[room]


@pytest.mark.parametrize("path", sources("exchange/venue"))
def test_the_venue_imports_nothing_of_the_exchange_around_it(path: str) -> None:
    ours = {name for name in imported(parse(path)) if name.partition(".")[0] == "exchange"}
    assert all(name.startswith("exchange.venue") for name in ours), ours


@pytest.mark.parametrize("path", [path for path in sources(*PURE) if path not in KNOWS_THE_OUTSIDE])
def test_the_core_and_its_parameters_know_no_clock_no_files_and_no_chance(path: str) -> None:
    tree = parse(path)
    assert packages(imported(tree)).isdisjoint(OUTSIDE_WORLD)
    assert list(outside_calls(tree)) == []


@pytest.mark.parametrize("path", [path for path in sources(*CORE) if path not in KNOWS_THE_OUTSIDE])
def test_no_float_decides_anything_in_the_core(path: str) -> None:
    assert list(floats(parse(path))) == []


@pytest.mark.parametrize("path", KNOWS_THE_OUTSIDE)
def test_an_exemption_is_needed_for_as_long_as_it_is_granted(path: str) -> None:
    assert not packages(imported(parse(path))).isdisjoint(OUTSIDE_WORLD)


@pytest.mark.parametrize("path", sources(*OURS))
def test_no_file_is_too_long_to_read(path: str) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) < FILE_LINES_MAX


def texts() -> list[str]:
    """Everything that people wrote, apart from data and what tools leave behind."""
    folders = (ROOT / folder for folder in (*OURS, "docs", "requirements", ".ci"))
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    paths += [path for path in ROOT.iterdir() if path.is_file()]
    kept = (path for path in paths if path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts)
    return sorted(str(path.relative_to(ROOT)) for path in kept)


@pytest.mark.parametrize("path", texts())
def test_nothing_is_left_for_later(path: str) -> None:
    assert UNFINISHED.findall((ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("requirements/*.txt"))])
def test_requirements_are_pinned_by_hash_and_name_no_host(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert HOSTS.findall(text) == []
    pins = re.findall(r"^[A-Za-z0-9][^\n]*", text, re.MULTILINE)
    assert pins
    assert all(re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", pin) for pin in pins)
    assert text.count("--hash=sha256:") >= len(pins)


# The guards themselves: each of them must be able to say no.


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("import time", "time"),
        ("from os import path", "os"),
        ("def f():\n    import random", "random"),
        ("import asyncio.events as events", "asyncio"),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, package: str) -> None:
    assert packages(imported(ast.parse(source))) == {package} <= OUTSIDE_WORLD


@pytest.mark.parametrize("source", ["open('x')", "np.random.default_rng()", "print(1)", "np.memmap('x')"])
def test_a_way_out_is_seen(source: str) -> None:
    assert len(list(outside_calls(ast.parse(source)))) == 1


@pytest.mark.parametrize("source", ["a = 0.5", "a = b / c", "a /= 2", "a = float(b)", "a = np.float64(b)", "x = 1e9"])
def test_a_float_is_seen(source: str) -> None:
    assert len(list(floats(ast.parse(source)))) == 1


@pytest.mark.parametrize("source", ["a = b // c", "a = 10**9", "a = '0.5'", "from decimal import Decimal"])
def test_whole_numbers_are_not_taken_for_floats(source: str) -> None:
    assert list(floats(ast.parse(source))) == []


@pytest.mark.parametrize("line", ["--index-url https://example.org/simple", "-i x", "name @ https://x/y.whl", "-f x"])
def test_a_host_is_seen(line: str) -> None:
    assert HOSTS.search(f"numpy==1.0\n{line}\n")


@pytest.mark.parametrize("word", ["ODOT", "EMXIF", "KCAH"])
def test_an_unfinished_thing_is_seen(word: str) -> None:
    assert UNFINISHED.search(f"# {word[::-1]}: later")
