"""The application: which turn does a call answer, and what becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bottle import HTTPResponse

from airbot.addresses import CALLBACK_PATH
from airbot.answers import Answers
from airbot.config import Config
from airbot.contract.text import ReplyRefused
from airbot.exceptions import AnsweredOtherwise
from airbot.exceptions import QueueFull
from airbot.exceptions import StorageError
from airbot.models import Answered
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
        answers: Answers,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._storage = storage
        self._answers = answers
        self._callers = Callers(storage, config, now)
        self.app = new_app(self._callers.is_ours, SENTENCES, logger, in_json=True)
        self.app.add_hook("before_request", refuse_browsers)
        self.app.route(CALLBACK_PATH, "POST", self._post)

    # A call from the outside in

    def _post(self) -> HTTPResponse:
        try:
            raw = read_body()
            caller = self._callers.admit(raw)
            answered = self._take(caller, read_call(raw))
            return json_answer(200, _success(answered))
        except StorageError as e:
            logger.error("%s", e)
            raise Refused(503) from None

    # What becomes of it

    def _take(self, caller: Caller, call: Call) -> Answered:
        turn = caller.turn or self._find_turn(call)
        if turn is not None and turn.thread_id != call.thread_id:
            raise Refused(400, "conversation_id is not the conversation of that turn")
        if call.action == "reply":
            return self._reply(turn or call.thread_id, call, caller)
        if turn is None:
            raise Refused(404, "this conversation has no turn that could be ignored")
        return self._answers.ignore(turn, logger, caller.call_id)

    def _reply(self, to: Turn | str, call: Call, caller: Caller) -> Answered:
        message, sender = call.message, call.sender
        id_, door = caller.call_id, caller.door
        try:
            return self._answers.reply(to, message, sender, logger, id_, door)
        except ReplyRefused as e:
            raise Refused(400, str(e)) from None
        except AnsweredOtherwise as e:
            raise Refused(409, str(e)) from None
        except QueueFull as e:
            raise Refused(503, str(e)) from None

    def _find_turn(self, call: Call) -> Turn | None:
        if call.message_id is None:
            return self._storage.turns.newest(call.thread_id)
        turn = self._storage.turns.get(call.message_id)
        if turn is None:
            raise Refused(404, "message_id is not the id of a turn")
        return turn


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
