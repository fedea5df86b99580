"""The host's AI: one POST a turn. The only room that calls out.

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

import hashlib
import hmac
import json
import time
import unicodedata
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError

from airbot.exceptions import AIError
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Question
from airbot.models import iso

CALLBACK_PATH = "/api/ai/webhook-simple"
MAX_ANSWER_BYTES = 256 * 1024
ASK_AGAIN_STATUS = frozenset({408, 425, 429})
ALLOWED_CONTROLS = frozenset("\n\t")


@dataclass(frozen=True)
class AIAnswer:
    """`action` is "reply" with its message, "ignore", or "taken": it comes later."""

    action: str
    message: str | None = field(default=None, repr=False)


class AI:
    """The webhook that the host runs."""

    def __init__(self, url: str, timeout_s: float, secret: str = "") -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._secret = secret

    def ask(self, question: Question, callback_url: str) -> AIAnswer:
        """Hand a turn to the AI.

        Raises AIError, `permanent` where the AI refuses the question itself. No error
        names the address or what was asked: addresses hold secrets.
        """
        try:
            status, body = self._post(payload(question, callback_url))
        except (requests.Timeout, TimeoutError, ReadTimeoutError):
            raise AIError(f"the AI did not answer in {self._timeout_s:g} s") from None
        except (requests.RequestException, HTTPError) as e:
            raise AIError(f"the AI was not reached ({type(e).__name__})") from None
        if 200 <= status < 300:
            return answer_in(body)
        permanent = 300 <= status < 500 and status not in ASK_AGAIN_STATUS
        raise AIError(f"the AI answered HTTP {status}", permanent)

    def _post(self, what: dict[str, Any]) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no .netrc
            with session.post(
                self._url,
                data=json.dumps(what).encode(),
                headers=headers,
                timeout=self._timeout_s,
                allow_redirects=False,  # a 302 would become a GET without a body
                stream=True,
            ) as response:
                return response.status_code, self._read(response)

    def _read(self, response: requests.Response) -> bytes:
        # A time-out of requests counts each piece alone; this one counts them all.
        end = time.monotonic() + self._timeout_s
        body = b""
        while piece := response.raw.read1(8192, decode_content=True):
            body += piece
            if time.monotonic() > end:
                raise requests.Timeout
            if len(body) > MAX_ANSWER_BYTES:
                return b""  # not one of the two answers that count
        return body


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


# The callback's address is a capability: whoever was asked may answer this one turn.


def callback_url(base: str, turn_id: str, key: bytes) -> str:
    query = urlencode({"turn": turn_id, "token": token_of(turn_id, key)})
    return f"{base}{CALLBACK_PATH}?{query}"


def token_of(turn_id: str, key: bytes) -> str:
    return hmac.new(key, turn_id.encode(), hashlib.sha256).hexdigest()


def is_token(turn_id: str, token: str, key: bytes) -> bool:
    return hmac.compare_digest(token_of(turn_id, key), token)


# What an answer must be, whichever way it came.


class ReplyRefused(ValueError):
    """The text cannot be sent as it is; says why, never what it was."""


def clean_reply(text: str, max_chars: int) -> str:
    """The text as it will be typed: newlines are `\\n`, no blank ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise ReplyRefused("message is empty")
    if len(text) > max_chars:
        raise ReplyRefused(f"message is longer than {max_chars} characters")
    for char in text:
        # Cc: control characters; Cs: halves of a surrogate pair, which no UTF-8 holds.
        if unicodedata.category(char) in ("Cc", "Cs") and char not in ALLOWED_CONTROLS:
            raise ReplyRefused("message holds a character that cannot be typed")
    return text
