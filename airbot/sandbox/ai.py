"""The demo AI: takes a question as a host's AI would, and calls back with an answer.

It knows the AI contract of the README and nothing else of airbot.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import bottle
import requests

from airbot.sandbox.server import SiteServer

Json = dict[str, Any]


class DemoAI:
    """An AI webhook on loopback; `url` is its address.

    `answer` makes the reply from the question's JSON. `mode` is "callback" (as workflow
    tools do), "inline", "ignore", "silent", or the HTTP status to refuse with.
    """

    def __init__(self, answer: Callable[[Json], str] | None = None) -> None:
        self.answer = answer or polite_answer
        self.mode: str | int = "callback"
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
            return bottle.HTTPResponse("", self.mode)
        if self.mode == "inline":
            return {"action": "reply", "message": self.answer(question)}
        if self.mode == "ignore":
            return {"action": "ignore"}
        if self.mode == "callback":
            threading.Thread(target=self._answer, args=(question,), daemon=True).start()
        return {"message": "Workflow was started"}

    def _answer(self, question: Json) -> None:
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
    """Two lines, so that a new line has to be typed as well."""
    return (
        f"Hello {question['sender']}, thank you for your message.\n"
        "I am the demo AI: your host will have taught his own one better."
    )
