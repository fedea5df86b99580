"""One POST a turn: what the AI is asked, and what each kind of answer means.

    POST AI_WEBHOOK_URL
    {"conversation_id": "TWVz...", "sender": "Maya", "message": "Hi!\\n\\nParking?",
     "property_id": "1200000000000000001", "callback_url": "http://localhost:8000/...",
     "message_id": "<the turn's id>", "messages": [{"id", "text", "sent_at"}],
     "history": [{"role", "text", "sent_at"}], "reservation": {"stage", "description"}}

A 2xx is itself the answer only as `{"action": "reply", "message": "..."}` or
`{"action": "ignore"}`; any other 2xx means that the answer will come to `callback_url`,
which is a capability for this one turn.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any

from airbot.ai import wire
from airbot.ai.signing import secrets_in
from airbot.ai.signing import signature_headers
from airbot.exceptions import AIError
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Question
from airbot.models import iso
from airbot.models import utcnow

logger = logging.getLogger(__name__)

ASK_AGAIN_STATUS = frozenset({408, 425, 429})


@dataclass(frozen=True)
class AIAnswer:
    """`action` is "reply" with its message, "ignore", or "taken": it comes later."""

    action: str
    message: str | None = field(default=None, repr=False)


class AI:
    """The webhook that the host runs."""

    def __init__(
        self,
        url: str,
        timeout_s: float,
        secret: str = "",
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._secret = secret
        self._now = now

    def ask(self, question: Question, callback_url: str) -> AIAnswer:
        """Hand a turn to the AI.

        Raises AIError, `permanent` where the AI refuses the question itself. No error
        names the address or what was asked: addresses hold secrets.
        """
        body = json.dumps(payload(question, callback_url)).encode()
        try:
            reached = self._post(body, question.turn.id)
        except wire.TimeIsUp:
            raise AIError(f"the AI did not answer in {self._timeout_s:g} s") from None
        except wire.NotReached as e:
            raise AIError(f"the AI was not reached ({e})") from None
        status = reached.status
        if 200 <= status < 300:
            return answer_in(reached.body)
        permanent = 300 <= status < 500 and status not in ASK_AGAIN_STATUS
        raise AIError(f"the AI answered HTTP {status}", permanent)

    def _post(self, body: bytes, turn_id: str) -> wire.Reached:
        began, said = time.monotonic(), "no answer"
        try:
            headers = self._headers(body, turn_id)
            reached = wire.post(self._url, body, headers, self._timeout_s)
            said = f"HTTP {reached.status}"
            return reached
        finally:
            logger.info("the AI: %s, %.2f s", said, time.monotonic() - began)

    def _headers(self, body: bytes, turn_id: str) -> dict[str, str]:
        """With a secret: the secret itself, and a signature; either may be checked."""
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["Authorization"] = f"Bearer {secrets_in(self._secret)[0]}"
            headers |= signature_headers(self._secret, turn_id, body, self._now())
        return headers


def answer_in(body: bytes) -> AIAnswer:
    """What a 2xx says: a reply, "ignore", or that the answer comes later."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return AIAnswer("taken")
    if not isinstance(said, dict):
        return AIAnswer("taken")
    if said.get("action") == "reply" and isinstance(said.get("message"), str):
        return AIAnswer("reply", said["message"])
    return AIAnswer("ignore" if said.get("action") == "ignore" else "taken")


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
        "history": [
            {"role": said.role, "text": shown_text(said), "sent_at": iso(said.sent_at)}
            for said in question.history
        ],
        "reservation": {
            "stage": question.stage,
            "description": question.description,
        },
    }


def shown_text(message: Message) -> str:
    return "[photo]" if message.kind == Kind.MEDIA else message.body or ""
