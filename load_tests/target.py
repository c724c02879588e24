"""Where load may go: to this machine, unless somebody names another one twice."""

import ipaddress
from urllib.parse import urlsplit

OPTION = "--beyond-loopback"


def refusal_of(url: str, allowed_host: str | None) -> str | None:
    """Why no load is sent to an address, or None where it may go.

    A host beyond loopback must be named by an option of its own, so that no forgotten setting, and nobody at a web
    page, sends load to somebody else's machine.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host or not url.startswith(("http://", "https://")):
        return f"{url!r} is no address of an exchange, such as http://127.0.0.1:8080"
    if is_loopback(host) or host == allowed_host:
        return None
    return f"{host} is not this machine: load goes there only with {OPTION} {host}, by whoever may load it"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine; no name but one is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
