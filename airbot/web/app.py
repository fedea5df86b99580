"""An application of Bottle's: found by its own names alone, its errors one sentence."""

from __future__ import annotations

import io
from collections.abc import Callable
from collections.abc import Mapping
from logging import Logger

from bottle import Bottle
from bottle import HTTPError
from bottle import request

from airbot.addresses import host_of
from airbot.addresses import is_loopback
from airbot.web.request import header
from airbot.web.response import HEADERS
from airbot.web.response import JSON
from airbot.web.response import TEXT
from airbot.web.response import Refused
from airbot.web.response import failure


def new_app(
    is_ours: Callable[[str], bool],
    sentences: Mapping[int, str],
    room: Logger,
    in_json: bool = False,
) -> Bottle:
    """An application without routes.

    `is_ours`: is a host that is not loopback one of ours? A name that somebody made to
    point here is not. `sentences` are the room's for a status, `in_json` for programs.
    """

    def check_host() -> None:
        # Bottle would print a traceback, and it may hold what was sent.
        request.environ["wsgi.errors"] = io.StringIO()
        host = host_of(header("host"))
        if not is_loopback(host) and not is_ours(host):
            raise Refused(403)

    def error_page(e: HTTPError) -> bytes:
        sentence = _sentence(e, sentences)
        if e.status_code == 500:
            room.error("a request failed: %s", type(e.exception).__name__)
        elif e.status_code != 429:  # the first of them was logged
            who = request.environ.get("REMOTE_ADDR", "")
            room.warning("refused with %d: %s (from %s)", e.status_code, sentence, who)
        if in_json:
            e.content_type = JSON
            return failure(sentence)
        for name, value in HEADERS.items():
            e.set_header(name, value)
        e.content_type = TEXT
        return sentence.encode()

    app = Bottle()
    app.add_hook("before_request", check_host)
    app.default_error_handler = error_page
    return app


def _sentence(e: HTTPError, sentences: Mapping[int, str]) -> str:
    own = e.body if isinstance(e, Refused) else ""  # Bottle's own quote the address
    return str(own or sentences.get(e.status_code, e.status_line))
