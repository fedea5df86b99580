"""The host's own AI: a webhook that is asked by one POST a turn."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from airbot.ai import wire
from airbot.contract.payload import AIAnswer
from airbot.contract.payload import answer_in
from airbot.contract.payload import payload
from airbot.contract.signing import secrets_in
from airbot.contract.signing import signature_headers
from airbot.exceptions import AIError
from airbot.models import Question
from airbot.models import utcnow

logger = logging.getLogger(__name__)

ASK_AGAIN_STATUS = frozenset({408, 425, 429})
# No question's own fault: a key, a quota, a workflow or a proxy that is not up yet.
CLOSED = {
    401: "look at ai.secret and at the key that it wants",
    402: "its quota is used up",
    403: "look at ai.secret and at what it lets in",
    404: "nothing is at that address: is the workflow active, is it still starting?",
}
# Each model says it in its own words; a minute's wait for all does no harm.
NO_QUOTA = re.compile(rb"quota|billing", re.IGNORECASE)


class HostAI:
    """The webhook that the host runs."""

    def __init__(
        self,
        url: str,
        timeout_s: float,
        secret: str = "",
        ca_file: Path | None = None,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._secret = secret
        self._tls = wire.trusting(ca_file)
        self._now = now

    def ask(self, question: Question, callback_url: str) -> AIAnswer:
        """Hand a turn to the AI.

        Raises AIError. No error names the address or what was asked: addresses hold
        secrets.
        """
        body = json.dumps(payload(question, callback_url)).encode()
        try:
            reached = self._post(body, question.turn.id)
        except wire.TimeIsUp:
            raise AIError(f"the AI did not answer in {self._timeout_s:g} s") from None
        except wire.NotReached as e:
            raise AIError(f"the AI was not reached ({e})") from None
        if 200 <= reached.status < 300:
            return answer_in(reached.body, reached.content_type)
        raise _refused(reached)

    def _post(self, body: bytes, turn_id: str) -> wire.Reached:
        began, said = time.monotonic(), "no answer"
        try:
            headers = self._headers(body, turn_id)
            reached = wire.post(self._url, body, headers, self._timeout_s, self._tls)
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


def _refused(reached: wire.Reached) -> AIError:
    status = reached.status
    why = CLOSED.get(status)
    if status == 429 and NO_QUOTA.search(reached.body or b""):
        why = CLOSED[402]
    permanent = 300 <= status < 500 and status not in ASK_AGAIN_STATUS
    return AIError(
        f"the AI answered HTTP {status}" + (f": {why}" if why else ""),
        reached=True,
        permanent=permanent and why is None,
        closed=why is not None,
        retry_after_s=reached.retry_after_s,
    )
