"""The webhook: the AI's answers come in here. Bottle on waitress, in its own thread.

    POST /api/ai/webhook-simple
    {"conversation_id": "TWVz...", "message": "Yes, it is.", "sender": "AI"}
    -> 200 {"success": true, "outbox_id": "<uuid>", "status": "pending", ...}

It stores and wakes SEND; it never touches the browser. Whatever is wrong is answered as
`{"success": false, "error": "<one sentence>"}`. A local API can be reached by every web
page that is open on this machine, so `Host` must be one of ours, the content type must
be JSON, and a call without the turn's token or a secret must come from this machine.
"""

from __future__ import annotations

import errno
import hmac
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from bottle import Bottle
from bottle import HTTPError
from bottle import HTTPResponse
from bottle import request
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from airbot.ai import CALLBACK_PATH
from airbot.ai import ReplyRefused
from airbot.ai import clean_reply
from airbot.ai import is_token
from airbot.airbnb import thread_id_from
from airbot.config import Config
from airbot.config import is_loopback
from airbot.exceptions import CannotListen
from airbot.exceptions import StorageError
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import utcnow
from airbot.storage import Storage

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
MAX_SENDER = 200
QUEUED = "Réponse IA ajoutée à la queue d'envoi"
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
    message: str | None = field(repr=False)
    sender: str
    action: str
    message_id: str | None


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
            call = _read_call(self._config.send.max_chars)
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
        host = _host_of(request.get_header("Host") or "")
        ours = {
            self._config.webhook.host.lower(),
            _host_of(urlsplit(self._config.webhook.public_url).netloc),
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
            and is_loopback(_host_of(request.get_header("Host") or ""))
            and (not public or is_loopback(_host_of(public)))
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


# The form of a call


def _read_call(max_chars: int) -> Call:
    body = _read_json()
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
    message = _message(body, max_chars) if action == "reply" else None
    return Call(thread_id, message, sender, action, message_id)


def _read_json() -> dict[str, Any]:
    kind, _, charset = (request.content_type or "").lower().partition(";")
    if kind.strip() != "application/json":
        raise Refused(415, "Content-Type must be application/json")
    if "charset" in charset and charset.split("=")[-1].strip(' "') != "utf-8":
        raise Refused(415, "the charset must be utf-8")
    raw = request.environ["wsgi.input"].read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
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


def _message(body: dict[str, Any], max_chars: int) -> str:
    try:
        return clean_reply(_text(body, "message", MAX_BODY), max_chars)
    except ReplyRefused as e:
        raise Refused(400, str(e)) from None


def _host_of(netloc: str) -> str:
    """The host of `host:port`, in lower case; "" when it is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


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


# The server


class _JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """What waitress refuses by itself (too large, malformed) is JSON, too."""

    def execute(self) -> None:
        error = self.request.error
        body = json.dumps({"success": False, "error": error.reason.lower()}).encode()
        self.status = f"{error.code} {error.reason}"
        self.close_on_finish = True
        self.response_headers = [
            ("Content-Type", "application/json; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _JsonErrorTask


class WebhookServer:
    """waitress in a thread of its own; bound when it is made."""

    def __init__(self, webhook: Webhook, host: str, port: int) -> None:
        try:
            # One address, or waitress makes a server of several kinds of sockets.
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._server = create_server(
                webhook.app,
                host=found[0][4][0],
                port=port,
                threads=4,
                connection_limit=50,
                channel_timeout=30,
                max_request_body_size=MAX_BODY + 1,  # it refuses from there on
                max_request_header_size=16 * 1024,
                ident=None,
            )
        except OSError as e:
            why = "is in use" if e.errno == errno.EADDRINUSE else f"says: {e.strerror}"
            raise CannotListen(f"{host} port {port} {why}") from e
        self._server.channel_class = _Channel
        self.port = int(self._server.effective_port)
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        self._server.run()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Answer what is in hand, then close.

        waitress has no public way to stop from another thread (Pylons/waitress #372):
        close() races with select(). A thunk on its trigger runs in the loop's thread.
        """
        if not self._thread.is_alive():
            self._server.close()
            return
        self._server.task_dispatcher.shutdown(timeout=timeout_s)
        time.sleep(0.05)  # lets the loop write out the last answer
        channels = self._server._map
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(channels))
        self._thread.join(timeout_s)
