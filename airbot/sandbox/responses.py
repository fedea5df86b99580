"""What the simulated Airbnb can answer: JSON, HTML, the error envelope, an airlock.

The HTML is files in pages/. Not attested, so made up here: the wording inside `errors`
and the refusal's JSON. Facts: airbnb-web.md of 2026-11, sections 3.1, 6 and 7.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import bottle

from airbot.sandbox.content import contact_terms
from airbot.sandbox.shapes import enveloped
from airbot.sandbox.trouble import vendor_frame

Json = dict[str, Any]

FOLDER = Path(__file__).with_name("pages")


def answer(body: Json | str, status: int = 200, **headers: str) -> bottle.HTTPResponse:
    """A JSON answer, or an HTML one when `body` is text."""
    is_html = isinstance(body, str)
    content = body if isinstance(body, str) else _json(body)
    response = bottle.HTTPResponse(content.encode(errors="replace"), status, **headers)
    kind = "text/html" if is_html else "application/json"
    response.content_type = f"{kind}; charset=utf-8"
    response.set_header("Cache-Control", "no-store")
    return response


def _json(body: Json) -> str:
    text = json.dumps(body, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half an emoji: it goes out as "\\ud83d" alone
        return json.dumps(body)
    return text


def html(name: str, **values: Any) -> str:
    """A file of pages/ with its values in it."""
    source = (FOLDER / name).read_text(encoding="utf-8")
    return str(bottle.SimpleTemplate(source).render(**values))


def not_found() -> bottle.HTTPResponse:
    return answer("<h1>404</h1>", 404)


def redirect(to: str, status: int = 302) -> bottle.HTTPResponse:
    response = answer("", status)
    response.set_header("Location", to)
    return response


def later(response: bottle.HTTPResponse, seconds: str | None) -> bottle.HTTPResponse:
    """The same answer, with a Retry-After when one is set."""
    if seconds is not None:
        response.set_header("Retry-After", seconds)
    return response


def errors(status: int, message: str, **extensions: Any) -> bottle.HTTPResponse:
    """The GraphQL error envelope."""
    error = {"message": message, "extensions": {"statusCode": status, **extensions}}
    return answer({"errors": [error], "data": None}, status)


def airlock_401() -> bottle.HTTPResponse:
    to = f"/airlock?al_id={secrets.token_hex(8)}"
    return answer({"success": False, "redirect": to}, 401)


def airlock_420(user_id: str) -> bottle.HTTPResponse:
    airlock = {
        "id": secrets.randbelow(10**9),
        "user_id": int(user_id),
        "header_text": "Please verify yourself",
        "flow": "captcha_flow",
        "friction_data": [{"name": "captcha", "data": {"site_key": "k"}}],
    }
    body = {"error_code": 420, "client_error_info": {"airlock": airlock}}
    return answer(body, 420)


def challenge_html(kind: str | None, back: str) -> str:
    """What a challenge adds to a page; nothing when there is none."""
    return html("challenge.html", kind=kind, back=back, frame=vendor_frame(kind))


def challenge_page(kind: str, back: str) -> str:
    return html("airlock.html", challenge=challenge_html(kind, back))


def refusal(text: str, status: int) -> bottle.HTTPResponse:
    """The contact-info refusal: nothing is sent."""
    error = {
        "message": "Links and contact info can't be shared",
        "extensions": {"errorType": "contact_info", "terms": contact_terms(text)},
    }
    return answer(enveloped({"createBulkMessages": None}, [error]), status)
