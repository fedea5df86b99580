"""The application: whose call is it, which turn does it answer, what becomes of it."""

from __future__ import annotations

import hmac
import io
import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from bottle import Bottle
from bottle import HTTPError
from bottle import HTTPResponse
from bottle import request

from airbot.ai import CALLBACK_PATH
from airbot.ai import is_token
from airbot.config import Config
from airbot.config import is_loopback
from airbot.exceptions import StorageError
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import utcnow
from airbot.serving import host_of
from airbot.storage import Storage
from airbot.webhook.form import Call
from airbot.webhook.form import Refused
from airbot.webhook.form import read_call

logger = logging.getLogger(__name__)

QUEUED = "Réponse IA ajoutée à la queue d'envoi"


class Webhook:
    """The application: checks a call, finds its turn, queues the reply."""

    def __init__(
        self,
        storage: Storage,
        config: Config,
        reply_waits: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._storage = storage
        self._config = config
        self._reply_waits = reply_waits
        self._now = now
        self.app = Bottle()
        self.app.route(CALLBACK_PATH, "POST", self._post)
        self.app.default_error_handler = _error_page
        self.app.add_hook("before_request", self._check_host)

    # A call from the outside in

    def _post(self) -> HTTPResponse:
        try:
            turn = self._authorized_turn()
            call = read_call(self._config.send.max_chars)
            answer = self._take(turn, call)
        except Refused as e:
            logger.warning("refused with %d: %s", e.status, e)
            return _json(e.status, {"success": False, "error": str(e)})
        except StorageError as e:
            logger.error("%s", e)
            error = "the answer could not be stored, send it again later"
            return _json(503, {"success": False, "error": error})
        return _json(200, answer)

    def _check_host(self) -> None:
        # Bottle would print a traceback there; _error_page says it in one line.
        request.environ["wsgi.errors"] = io.StringIO()
        host = host_of(request.get_header("Host") or "")
        ours = {
            self._config.webhook.host.lower(),
            host_of(urlsplit(self._config.webhook.public_url).netloc),
        }
        if not is_loopback(host) and host not in ours - {"", "0.0.0.0", "::"}:
            raise HTTPError(403, "this address is not known to airbot as its own")

    def _authorized_turn(self) -> Turn | None:
        """The turn that the address is a capability for; None on other calls."""
        turn_id = request.query.getunicode("turn")
        token = request.query.getunicode("token")
        if turn_id or token:
            return self._turn_of_token(turn_id or "", token or "")
        if secret := self._config.webhook.secret:
            given = request.get_header("Authorization") or ""
            wanted = f"Bearer {secret}"
            if not hmac.compare_digest(given.encode(), wanted.encode()):
                raise Refused(401, "Authorization: Bearer <webhook.secret> is missing")
        elif not self._is_from_here():
            raise Refused(401, "set webhook.secret to take calls from other machines")
        return None

    def _turn_of_token(self, turn_id: str, token: str) -> Turn:
        key = self._storage.session.token_key()
        if not token.isascii() or not is_token(turn_id, token, key):
            raise Refused(401, "the token in the address is not that turn's")
        turn = self._storage.turns.get(turn_id)
        if turn is None:
            raise Refused(404, "that turn is not known (any more)")
        return turn

    def _is_from_here(self) -> bool:
        # A reverse proxy comes from 127.0.0.1 too: then Host or public_url tell.
        public = urlsplit(self._config.webhook.public_url).netloc
        return (
            is_loopback(request.remote_addr or "")
            and is_loopback(host_of(request.get_header("Host") or ""))
            and (not public or is_loopback(host_of(public)))
        )

    # What becomes of it

    def _take(self, turn: Turn | None, call: Call) -> dict[str, Any]:
        turn = turn or self._find_turn(call)
        if turn is not None and turn.thread_id != call.thread_id:
            raise Refused(400, "conversation_id is not the conversation of that turn")
        if call.action == "ignore":
            return self._ignore(turn, call)
        message = call.message or ""
        if turn is None:
            reply = self._storage.outbox.enqueue_without_turn(
                call.thread_id, message, call.sender, self._now()
            )
        else:
            reply = self._storage.outbox.enqueue(
                turn, message, call.sender, self._now()
            )
        logger.info("reply %s is %s", reply.id[:8], reply.status)
        if reply.status == ReplyStatus.PENDING:
            self._reply_waits()
        return _success(call, reply.id, reply.status)

    def _find_turn(self, call: Call) -> Turn | None:
        if call.message_id is None:
            return self._storage.turns.newest(call.thread_id)
        turn = self._storage.turns.get(call.message_id)
        if turn is None:
            raise Refused(404, "message_id is not the id of a turn")
        return turn

    def _ignore(self, turn: Turn | None, call: Call) -> dict[str, Any]:
        if turn is None:
            raise Refused(404, "this conversation has no turn that could be ignored")
        held: Reply | None = self._storage.outbox.of_turn(turn.id)
        if held is not None:
            return _success(call, held.id, held.status)
        reason = "the AI said: no reply"
        self._storage.turns.close(turn.id, TurnStatus.IGNORED, reason, self._now())
        closed = self._storage.turns.get(turn.id) or turn
        logger.info("turn %s is %s", turn.id[:8], closed.status)
        return _success(call, None, closed.status)


def _success(call: Call, outbox_id: str | None, status: str) -> dict[str, Any]:
    return {
        "success": True,
        "outbox_id": outbox_id,
        "message": QUEUED,
        "thread_id": call.thread_id,
        "status": status,
    }


# Answers: always JSON, never a traceback

SENTENCES = {
    404: "there is nothing at this address",
    405: "this address takes POST only",
    500: "airbot failed on this call, see its log",
}


def _json(status: int, body: dict[str, Any]) -> HTTPResponse:
    text = json.dumps(body, ensure_ascii=False)
    return HTTPResponse(
        text.encode(), status, {"Content-Type": "application/json; charset=utf-8"}
    )


def _error_page(e: HTTPError) -> bytes:
    if e.status_code == 500:
        logger.error("a call failed: %s", type(e.exception).__name__)
    sentence = str(e.body) if e.status_code == 403 else SENTENCES.get(e.status_code)
    e.content_type = "application/json; charset=utf-8"
    text = json.dumps({"success": False, "error": sentence or e.status_line})
    return text.encode()
