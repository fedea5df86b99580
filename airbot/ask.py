"""ASK: every turn is handed to the AI, until it answers or the turn is too old.

A turn is `asked` and committed before the POST, so that a callback may come before the
POST's own reply. Waiting is a time in the database, never a sleeping thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta

from airbot.ai.host import HostAI
from airbot.answers import Answers
from airbot.config import Config
from airbot.contract.payload import AIAnswer
from airbot.contract.text import ReplyRefused
from airbot.contract.tokens import callback_url
from airbot.exceptions import AIError
from airbot.models import Turn
from airbot.models import utcnow
from airbot.policy.pace import backoff_s
from airbot.policy.rules import Rules
from airbot.storage import Storage

logger = logging.getLogger(__name__)

AI_NAME = "AI"


class Asker:
    """Asks the AI about turns, one at a time; several threads may do so at once."""

    def __init__(
        self,
        storage: Storage,
        ai: HostAI,
        config: Config,
        callback_base: str,
        answers: Answers,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._storage = storage
        self._ai = ai
        self._config = config
        self._callback_base = callback_base
        self._answers = answers
        self._now = now
        self._rules = Rules.of(config)

    def ask_one(self) -> bool:
        """Ask about the next turn that is due; False when none is."""
        now = self._now()
        site_now = self._storage.session.site_now(now)
        if site_now is None:
            return False  # how old a turn is, is not known until the next reading
        if expired := self._storage.turns.expire(now, site_now, self._rules):
            logger.info("%d turns are too old to be answered", expired)
        again_at = now + timedelta(seconds=self._config.ai.answer_within_sec)
        turn = self._storage.turns.claim_next(now, again_at)
        if turn is None:
            return False
        self._ask(turn)
        return True

    def _ask(self, turn: Turn) -> None:
        question = self._storage.turns.question(turn)
        if not question.texts:
            return  # a longer turn took its texts over in this very moment
        key = self._storage.session.token_key()
        until = turn.newest_at + self._rules.max_age
        url = callback_url(self._callback_base, turn.id, until, key)
        try:
            answer = self._ai.ask(question, url)
        except AIError as e:
            self._not_taken(turn, e)
        else:
            self._taken(turn, answer)

    def _taken(self, turn: Turn, answer: AIAnswer) -> None:
        if answer.action == "reply":
            self._answered(turn, answer.message or "")
        elif answer.action == "ignore":
            self._answers.ignore(turn, logger)
        else:
            logger.info("turn %s is with the AI", turn.id[:8])

    def _answered(self, turn: Turn, message: str) -> None:
        try:
            self._answers.reply(turn, message, AI_NAME, logger)
        except ReplyRefused as e:
            reason = f"the AI's answer cannot be sent: {e}"
            self._storage.turns.give_up(turn.id, reason, self._now())
            logger.error("turn %s failed: %s", turn.id[:8], reason)
        else:
            logger.info("turn %s is answered", turn.id[:8])

    def _not_taken(self, turn: Turn, e: AIError) -> None:
        now = self._now()
        if e.permanent and turn.refusals + 1 >= self._config.ai.max_attempts:
            self._storage.turns.give_up(turn.id, str(e), now)
            logger.error("turn %s failed: %s", turn.id[:8], e)
            return
        wait = backoff_s(turn.attempts)
        at = now + timedelta(seconds=wait)
        self._storage.turns.ask_again(turn, str(e), at, e.permanent, now)
        logger.warning("turn %s: %s; again in %.0f s", turn.id[:8], e, wait)
