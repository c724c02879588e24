"""Finds a Chromium for the tests, or gets one, and says so. `make test` runs this first; `conftest` asks it again.

In this order: the path in BWX_CHROMIUM, an installed Chromium or Chrome, the one that playwright brought; then, to get
one, apt-get as root on Debian, else playwright's own installer.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PATH_VARIABLE = "BWX_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
INSTALL_TIMEOUT_S = 600


class NoBrowserError(RuntimeError):
    """There is no Chromium, and none could be got; `str` says what was tried."""


def find_browser() -> str | None:
    """The path of a Chromium that is here, or None."""
    chosen = os.environ.get(PATH_VARIABLE)
    if chosen:
        return chosen
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    return installed or _playwrights_own()


def get_browser() -> str:
    """The path of a Chromium, installed first if there is none. Raises NoBrowserError."""
    found = find_browser()
    if found is not None:
        return found
    for commands in _ways_to_install():
        failure = _run(commands)
        found = find_browser()
        if found is not None:
            return found
    raise NoBrowserError(f"no Chromium for the browser tests: install one, or set {PATH_VARIABLE}. {failure}")


def _playwrights_own() -> str | None:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _ways_to_install() -> list[list[list[str]]]:
    own = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        packaged = [
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"],
        ]
        return [packaged, own]
    return [own]


def _run(commands: list[list[str]]) -> str:
    """Run commands until one fails; what it said last."""
    for command in commands:
        print(f"no Chromium found: {' '.join(command)}", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return (done.stderr or done.stdout).strip()[-500:]
    return ""


if __name__ == "__main__":
    try:
        get_browser()
    except NoBrowserError as error:
        sys.exit(str(error))
