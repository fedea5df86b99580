"""What is answered: a page, JSON, or one sentence for what is refused."""

from __future__ import annotations

import json
import secrets
from typing import Any

from bottle import HTTPError
from bottle import HTTPResponse

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
# Of all that a browser is shown: not kept, not guessed at, not lent to other sites.
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "script-src 'nonce-{0}'; style-src 'nonce-{0}'"
)


class Refused(HTTPError):  # type: ignore[misc]
    """A request that is answered with a status and one sentence.

    Without one it is the room's own sentence for that status.
    """

    def __init__(self, status: int, sentence: str = "") -> None:
        super().__init__(status, sentence)


def answer(
    status: int,
    body: bytes = b"",
    kind: str = "",
    more: dict[str, str] | None = None,
) -> HTTPResponse:
    headers = {**HEADERS, **(more or {})}
    if kind:
        headers["Content-Type"] = kind
    return HTTPResponse(body, status, headers)


def page_answer(html: str, loads: str) -> HTTPResponse:
    """A page; of its scripts and styles those work that have the `{{nonce}}`.

    It is a new one each time. `loads`: what else the page may load, as a
    Content-Security-Policy says it.
    """
    nonce = secrets.token_urlsafe(16)
    policy = {"Content-Security-Policy": f"{POLICY.format(nonce)}; {loads}"}
    text = html.replace("{{nonce}}", nonce)
    return answer(200, text.encode(), "text/html; charset=utf-8", policy)


def json_answer(status: int, body: dict[str, Any]) -> HTTPResponse:
    text = json.dumps(body, ensure_ascii=False)
    return HTTPResponse(text.encode(), status, {"Content-Type": JSON})


def failure(sentence: str) -> bytes:
    """What a program is told that asked for something wrong."""
    return json.dumps({"success": False, "error": sentence}).encode()
