"""The application: which turn does a call answer, and what becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bottle import HTTPResponse

from airbot.config import Config
from airbot.contract.text import UNSEEN
from airbot.contract.tokens import CALLBACK_PATH
from airbot.exceptions import StorageError
from airbot.models import Answered
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import utcnow
from airbot.storage import Storage
from airbot.web.app import new_app
from airbot.web.request import read_body
from airbot.web.response import Refused
from airbot.web.response import json_answer
from airbot.webhook.callers import Caller
from airbot.webhook.callers import Callers
from airbot.webhook.callers import refuse_browsers
from airbot.webhook.form import Call
from airbot.webhook.form import read_call

logger = logging.getLogger(__name__)

QUEUED = "Réponse IA ajoutée à la queue d'envoi"
SENTENCES = {
    403: "this address is not known to airbot as its own",
    404: "there is nothing at this address",
    405: "this address takes POST only",
    500: "airbot failed on this call, see its log",
    503: "the answer could not be stored, send it again later",
}


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
        self._callers = Callers(storage, config, now)
        self.app = new_app(self._callers.is_ours, SENTENCES, logger, in_json=True)
        self.app.add_hook("before_request", refuse_browsers)
        self.app.route(CALLBACK_PATH, "POST", self._post)

    # A call from the outside in

    def _post(self) -> HTTPResponse:
        try:
            raw = read_body()
            caller = self._callers.admit(raw)
            call = read_call(raw, self._config.send.max_chars)
            return json_answer(200, self._take(caller, call))
        except Refused as e:
            if e.status_code != 429:  # the first of them was logged
                logger.warning("refused with %d: %s", e.status_code, e.body)
            raise
        except StorageError as e:
            logger.error("%s", e)
            raise Refused(503) from None

    # What becomes of it

    def _take(self, caller: Caller, call: Call) -> dict[str, Any]:
        def answer() -> Answered:
            return self._answer(caller.turn or self._find_turn(call), call)

        if caller.call_id is None:
            answered = answer()
        else:
            answered = self._storage.once(caller.call_id, answer, self._now())
        if answered.reply is not None and answered.reply.status == ReplyStatus.PENDING:
            self._reply_waits()
        return _success(answered)

    def _answer(self, turn: Turn | None, call: Call) -> Answered:
        if turn is not None and turn.thread_id != call.thread_id:
            raise Refused(400, "conversation_id is not the conversation of that turn")
        if call.action == "ignore":
            return self._ignore(turn)
        outbox, now = self._storage.outbox, self._now()
        if turn is None:
            reply = outbox.enqueue_without_turn(
                call.thread_id, call.message, call.sender, now
            )
        else:
            reply = outbox.enqueue(turn, call.message, call.sender, now)
        logger.info("reply %s is %s", reply.id[:8], reply.status)
        if call.lost:
            logger.warning(UNSEEN, reply.id[:8], call.lost)
        return Answered(reply, turn)

    def _find_turn(self, call: Call) -> Turn | None:
        if call.message_id is None:
            return self._storage.turns.newest(call.thread_id)
        turn = self._storage.turns.get(call.message_id)
        if turn is None:
            raise Refused(404, "message_id is not the id of a turn")
        return turn

    def _ignore(self, turn: Turn | None) -> Answered:
        if turn is None:
            raise Refused(404, "this conversation has no turn that could be ignored")
        if held := self._storage.outbox.of_turn(turn.id):
            return Answered(held, turn)
        self._storage.turns.ignore(turn.id, self._now())
        closed = self._storage.turns.get(turn.id) or turn
        logger.info("turn %s is %s", turn.id[:8], closed.status)
        return Answered(None, closed)


def _success(answered: Answered) -> dict[str, Any]:
    about = answered.reply or answered.turn
    assert about is not None
    return {
        "success": True,
        "outbox_id": answered.reply.id if answered.reply else None,
        "message": QUEUED,
        "thread_id": about.thread_id,
        "status": about.status,
    }
