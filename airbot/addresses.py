"""Addresses of the network, as people write them."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

CALLBACK_PATH = "/api/ai/webhook-simple"
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # all addresses; one of them


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether `host`, without a port, can only mean this machine."""
    name = host.lower().removesuffix(".")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Python before 3.13 does not see that ::ffff:127.0.0.1 is 127.0.0.1.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def host_of(netloc: str) -> str:
    """The host of `host:port`, in lower case; "" when it is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def is_local(address: str) -> bool:
    """Whether an address with its scheme can only lead to this machine."""
    return is_loopback(urlsplit(address).hostname or "")


def http_address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def place_of(address: str) -> tuple[str, int, str]:
    """Host, port and path; all names of this machine are one host."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    here = is_loopback(host) or host in WILDCARDS
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return "localhost" if here else host, port, parts.path.rstrip("/")


def open_part(address: str) -> str:
    """Scheme, host and port: what may be shown of an address that may hold secrets."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
