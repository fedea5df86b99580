"""What a call must look like: one strict reader of JSON, a sentence for every fault."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any

from airbot.airbnb import thread_id_from
from airbot.contract.text import clean_name
from airbot.web.request import read_json
from airbot.web.response import Refused

ACTIONS = ("reply", "ignore")


@dataclass(frozen=True)
class Call:
    """A callback whose form has been checked."""

    thread_id: str
    message: str = field(repr=False)  # as it came; empty when there is none
    sender: str
    action: str
    message_id: str | None


def read_call(raw: bytes) -> Call:
    body = read_json(raw)
    if "callback_url" in body:  # an AI, or airbot itself, has sent it back to us
        raise Refused(400, "this is a question (it has a callback_url), not an answer")
    conversation_id = _text(body, "conversation_id", 200)
    thread_id = thread_id_from(conversation_id)
    if thread_id is None:
        raise Refused(400, "conversation_id is not a conversation of Airbnb's")
    action = body.get("action", "reply")
    if action not in ACTIONS:
        raise Refused(400, "action must be reply or ignore")
    sender = clean_name(body.get("sender"))
    message_id = None
    if body.get("message_id") is not None:
        message_id = _text(body, "message_id", 200)
    message = _message(body) if action == "reply" else ""
    return Call(thread_id, message, sender, action, message_id)


def _message(body: dict[str, Any]) -> str:
    """The text as it came; contract/text.py judges whether it can be typed."""
    value = body.get("message")
    if not isinstance(value, str):
        what = "is missing" if value is None else "must be a string"
        raise Refused(400, f"message {what}")
    return value


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
