"""The demo AI: takes a question as a host's AI would, and calls back with an answer.

It knows the AI contract of the manual and nothing else of airbot.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import bottle
import requests

from airbot.sandbox.server import SiteServer

Json = dict[str, Any]

# What the demo AI knows: words of a question, and what it says to them.
TOPICS = [
    (re.compile(rf"\b({words})", re.IGNORECASE), said)
    for words, said in (
        ("park", "You can park for free in front of the house."),
        ("check.?in|arriv|key", "Check-in is from 3 pm; the key is in the box at 4."),
        ("check.?out|leav", "Check-out is until 11 am; just leave the key inside."),
        ("wi.?fi|internet|password", "The Wi-Fi is free; its name is on the fridge."),
        ("breakfast|coffee", "Breakfast is not included, but there is coffee."),
        ("pet|dog|cat", "Yes, one small pet is welcome."),
        ("towel|linen|sheet", "Towels and bed linen are there."),
        ("heat|cold|air.?con", "You set the heating at the dial beside the door."),
    )
]
NO_TOPIC = "I am the demo AI, and know a house's usual things: do ask me about parking."


class DemoAI:
    """An AI webhook on loopback; `url` is its address.

    `answer` makes the reply from the question's JSON, and a callback takes `thinks_s`
    seconds. `mode` is "callback" (as workflow tools do), "inline", "ignore", "silent",
    or the HTTP status to refuse with, and then `retry_after` its wish when to be asked.
    """

    def __init__(
        self, answer: Callable[[Json], str] | None = None, thinks_s: float = 0
    ) -> None:
        self.answer = answer or polite_answer
        self._thinks_s = thinks_s
        self.mode: str | int = "callback"
        self.retry_after = ""
        self.asked: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.called_back: list[tuple[float, Json]] = []
        app = bottle.Bottle()
        app.route("/webhook", "POST", self._post)
        self._server = SiteServer(app, "127.0.0.1", 0, time.time)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"

    def __enter__(self) -> DemoAI:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()

    def _post(self) -> Any:
        self.bodies.append(bottle.request.body.read())
        question = json.loads(self.bodies[-1])
        self.asked.append(question)
        self.headers.append(dict(bottle.request.headers))
        if isinstance(self.mode, int):
            wish = {"Retry-After": self.retry_after} if self.retry_after else {}
            return bottle.HTTPResponse("", self.mode, **wish)
        if self.mode == "inline":
            return {"action": "reply", "message": self.answer(question)}
        if self.mode == "ignore":
            return {"action": "ignore"}
        if self.mode == "callback":
            threading.Thread(target=self._answer, args=(question,), daemon=True).start()
        return {"message": "Workflow was started"}

    def _answer(self, question: Json) -> None:
        time.sleep(self._thinks_s)
        try:
            self.call_back(question)
        except requests.RequestException:
            pass  # airbot is gone; it will ask again

    def call_back(self, question: Json, message: str | None = None) -> Json:
        """Answer a question on its callback address; what airbot says to that."""
        called_at = time.monotonic()
        response = requests.post(
            question["callback_url"],
            json={
                "conversation_id": question["conversation_id"],
                "message": message or self.answer(question),
                "sender": "demo AI",
            },
            timeout=10,
        )
        said: Json = response.json()
        self.called_back.append((called_at, said))
        return said


def polite_answer(question: Json) -> str:
    """An answer to each thing that was asked, in the order of TOPICS, a line each."""
    asked = [said for words, said in TOPICS if words.search(question["message"])]
    return "\n".join([f"Hello {question['sender']}!", *(asked or [NO_TOPIC])])
