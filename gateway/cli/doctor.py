"""`bwx doctor`: what this machine lacks, and how to mend it."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import typer

PYTHON_MIN = (3, 11)
FREE_BYTES_MIN = 2 << 30
MEMORY_BYTES_MIN = 1 << 30
DEMO_PORT = 8080
UNWELL = 1


class Finding(NamedTuple):
    """One thing that was looked at."""

    subject: str
    well: bool
    what: str
    remedy: str = ""


def doctor() -> None:
    """Look at this machine with the exchange's eyes: Python, packages, cores, memory, disk, port, compiled kernels.

    Exit code 1 when something stands in the way.

    Example: bwx doctor
    """
    findings = [look() for look in LOOKS]
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.well else 'MEND'}  {finding.subject:10} {finding.what}")
        if not finding.well:
            typer.echo(f"      {'':10} -> {finding.remedy}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(UNWELL)


def look_at_python() -> Finding:
    """The interpreter's version."""
    wanted = ".".join(map(str, PYTHON_MIN))
    return Finding(
        "python", sys.version_info >= PYTHON_MIN, platform.python_version(), f"install Python {wanted} or newer"
    )


def look_at_packages() -> Finding:
    """Whether what the exchange imports is installed."""
    from importlib.metadata import PackageNotFoundError, requires, version

    try:
        names = [line.split(";")[0] for line in requires("bandwidth-exchange") or () if "extra ==" not in line]
    except PackageNotFoundError:
        return Finding("packages", False, "bandwidth-exchange is not installed", "run `make setup`")
    missing = []
    for requirement in names:
        name = requirement.split(">")[0].split("=")[0].strip()
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return Finding(
        "packages", not missing, f"{len(names)} needed, missing: {', '.join(missing) or 'none'}", "run `make setup`"
    )


def look_at_cores() -> Finding:
    """The matching thread and the doors want a core each."""
    cores = os.cpu_count() or 1
    return Finding("cores", cores >= 2, str(cores), "use a machine with two cores; with one, expect half the speed")


def look_at_memory() -> Finding:
    """Memory for the market's arrays."""
    try:
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, AttributeError, OSError):
        return Finding("memory", True, "unknown on this system")
    return Finding("memory", available >= MEMORY_BYTES_MIN, f"{available >> 20} MiB free", "close other programs")


def look_at_disk() -> Finding:
    """Room for the journal."""
    free = shutil.disk_usage(Path.cwd()).free
    return Finding("disk", free >= FREE_BYTES_MIN, f"{free >> 20} MiB free here", "free some space, or use --directory")


def look_at_port() -> Finding:
    """Whether the default port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEMO_PORT))
        except OSError:
            return Finding("port", False, f"{DEMO_PORT} is in use", "stop the other program, or use --port")
    return Finding("port", True, f"{DEMO_PORT} is free")


def look_at_kernels() -> Finding:
    """Whether the next start is a fast one."""
    from gateway.warm_up import is_compiled
    from kernels.compile import CACHE_FOLDER

    state = "compiled" if is_compiled() else "not compiled yet: the first start takes some minutes more"
    return Finding(
        "kernels",
        os.access(_nearest_folder(CACHE_FOLDER), os.W_OK),
        f"{state} ({CACHE_FOLDER})",
        "set BWX_CACHE_DIR to a folder that can be written",
    )


def _nearest_folder(path: Path) -> Path:
    return path if path.exists() else _nearest_folder(path.parent)


LOOKS: tuple[Callable[[], Finding], ...] = (
    look_at_python,
    look_at_packages,
    look_at_cores,
    look_at_memory,
    look_at_disk,
    look_at_port,
    look_at_kernels,
)
