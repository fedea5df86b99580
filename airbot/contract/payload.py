"""What an AI is asked about a turn, and what each kind of answer means.

    POST AI_WEBHOOK_URL
    {"conversation_id": "TWVz...", "sender": "Maya", "message": "Hi!\\n\\nParking?",
     "property_id": "1200000000000000001", "callback_url": "http://127.0.0.1:8000/...",
     "message_id": "<the turn's id>", "messages": [{"id", "text", "sent_at"}],
     "history": [{"role", "text", "sent_at"}], "reservation": {"stage", "description"}}

A 2xx is itself the answer only as `{"action": "reply", "message": "..."}` or
`{"action": "ignore"}`; any other 2xx means that the answer will come to `callback_url`,
which is a capability for this one turn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from airbot.contract.shape import shape_of
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Question
from airbot.models import iso


@dataclass(frozen=True)
class AIAnswer:
    """`action` is "reply" with its message, "ignore", or "taken": it comes later.

    `shape`: what the body of a "taken" held, in words.
    """

    action: str
    message: str | None = field(default=None, repr=False)
    shape: str = ""


def answer_in(body: bytes | None, content_type: str = "") -> AIAnswer:
    """What a 2xx says: a reply, "ignore", or that the answer comes later.

    None is a body that was too large to be read.
    """
    try:
        said = json.loads(body or b"")
    except (ValueError, RecursionError):
        said = None
    action = said.get("action") if isinstance(said, dict) else None
    if action == "reply" and isinstance(said.get("message"), str):
        return AIAnswer("reply", said["message"])
    if action == "ignore":
        return AIAnswer("ignore")
    return AIAnswer("taken", shape=shape_of(body, content_type))


def payload(question: Question, callback_url: str) -> dict[str, Any]:
    """The JSON that the AI gets."""
    return {
        "conversation_id": question.turn.thread_id,
        "sender": question.sender,
        "message": "\n\n".join(shown_text(text) for text in question.texts),
        "property_id": question.listing_id,
        "callback_url": callback_url,
        "message_id": question.turn.id,
        "messages": [
            {"id": text.id, "text": shown_text(text), "sent_at": iso(text.sent_at)}
            for text in question.texts
        ],
        "history": [_said(message) for message in question.history],
        "reservation": {
            "stage": question.stage,
            "description": question.description,
        },
    }


def _said(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {
        "role": message.role,
        "text": shown_text(message),
        "sent_at": iso(message.sent_at),
    }
    return {**said, "scheduled": True} if message.scheduled else said


def shown_text(message: Message) -> str:
    return "[photo]" if message.kind == Kind.MEDIA else message.body or ""
