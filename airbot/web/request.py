"""What the request at hand says: its headers, whose page sent it, its JSON."""

from __future__ import annotations

import hmac
import json
from typing import Any

from bottle import request

from airbot.web.response import Refused

MAX_BODY = 64 * 1024  # bytes
KEEP = "airbot.keep"


def header(name: str) -> str:
    """A header of the request; "" when it has none.

    Bottle's own way to one fails on bytes that are not UTF-8.
    """
    return str(request.environ.get(_key(name), ""))


def has_header(name: str) -> bool:
    return _key(name) in request.environ


def _key(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def keep_connection() -> None:
    """Leave the connection open for the next request: only for whom we know."""
    request.environ[KEEP] = True


def is_same_origin() -> bool:
    """Does our own page ask? By its `Sec-Fetch-Site`, else by its `Origin`.

    Behind a proxy `Host` may have been rewritten; then the browser's word counts.
    """
    site, origin = header("sec-fetch-site"), header("origin")
    # A browser tells nothing of the kind on its own page's GET over plain HTTP.
    if site or (request.method == "GET" and not origin):
        return site in ("", "same-origin")
    return origin.partition("://")[2] == header("host")


def is_same(given: str, secret: str) -> bool:
    """Compared in constant time: a timing must not tell how much of it was right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def read_body() -> bytes:
    """The bytes of a JSON body, unread. Raises Refused."""
    kind, *parameters = (request.content_type or "").lower().split(";")
    if kind.strip() != "application/json":
        raise Refused(415, "Content-Type must be application/json")
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            raise Refused(415, "the charset must be utf-8")
    raw: bytes = request.environ["wsgi.input"].read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
    return raw


def read_json(raw: bytes) -> dict[str, Any]:
    """The object in a body, read strictly. Raises Refused."""
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
