"""What a call must look like: one strict reader of JSON, a sentence for every fault."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from bottle import request

from airbot.ai import Clean
from airbot.ai import ReplyRefused
from airbot.ai import clean_reply
from airbot.airbnb import thread_id_from

MAX_BODY = 64 * 1024  # bytes
MAX_SENDER = 200  # characters
ACTIONS = ("reply", "ignore")


class Refused(Exception):
    """A call that is answered with an HTTP status and one sentence."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


@dataclass(frozen=True)
class Call:
    """A callback whose form has been checked."""

    thread_id: str
    message: str = field(repr=False)  # empty when there is none
    lost: int  # characters of it that nobody sees, and that were taken out
    sender: str
    action: str
    message_id: str | None


def read_body() -> bytes:
    """The bytes of a call, before anybody has asked whose it is."""
    kind, _, charset = (request.content_type or "").lower().partition(";")
    if kind.strip() != "application/json":
        raise Refused(415, "Content-Type must be application/json")
    if "charset" in charset and charset.split("=")[-1].strip(' "') != "utf-8":
        raise Refused(415, "the charset must be utf-8")
    raw: bytes = request.environ["wsgi.input"].read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
    return raw


def read_call(raw: bytes, max_chars: int) -> Call:
    body = _read_json(raw)
    conversation_id = _text(body, "conversation_id", 200)
    thread_id = thread_id_from(conversation_id)
    if thread_id is None:
        raise Refused(400, "conversation_id is not a conversation of Airbnb's")
    action = body.get("action", "reply")
    if action not in ACTIONS:
        raise Refused(400, "action must be reply or ignore")
    sender = _text(body, "sender", MAX_SENDER)
    if not sender.isprintable():
        raise Refused(400, "sender holds a control character")
    message_id = None
    if body.get("message_id") is not None:
        message_id = _text(body, "message_id", 200)
    message = _message(body, max_chars) if action == "reply" else Clean("", 0)
    return Call(thread_id, message.text, message.lost, sender, action, message_id)


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(body: dict[str, Any], name: str, longest: int) -> str:
    value = body.get(name)
    if value is None:
        raise Refused(400, f"{name} is missing")
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be a string")
    if not value.strip():
        raise Refused(400, f"{name} is empty")
    if len(value) > longest:
        raise Refused(400, f"{name} is longer than {longest} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(400, f"{name} holds half a character") from None
    return value


def _message(body: dict[str, Any], max_chars: int) -> Clean:
    try:
        return clean_reply(_text(body, "message", MAX_BODY), max_chars)
    except ReplyRefused as e:
        raise Refused(400, str(e)) from None
