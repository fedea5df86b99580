"""ASK: every turn is handed to the AI, until it answers or the turn is too old.

A turn is `asked` and committed before the POST, so that a callback may come before the
POST's own reply. Waiting is a time in the database, never a sleeping thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta

from airbot.ai.host import HostAI
from airbot.answers import Answers
from airbot.config import Config
from airbot.contract.payload import AIAnswer
from airbot.contract.text import AI_NAME
from airbot.contract.text import ReplyRefused
from airbot.contract.tokens import callback_url
from airbot.exceptions import AIError
from airbot.exceptions import AnsweredOtherwise
from airbot.models import AITrouble
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import utcnow
from airbot.policy.pace import SLOWEST
from airbot.policy.pace import backoff_s
from airbot.policy.rules import Rules
from airbot.storage import Storage

logger = logging.getLogger(__name__)

PROBE_EVERY = timedelta(minutes=1)  # while the AI is closed to all


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
        self._answer_within = timedelta(seconds=config.ai.answer_within_sec)
        self._claiming = threading.Lock()
        self._in_hand: set[str] = set()

    def ask_one(self) -> bool:
        """Ask about the next turn that is due; False when none is."""
        now = self._now()
        site_now = self._storage.session.site_now(now)
        if site_now is None:
            return False  # how old a turn is, is not known until the next reading
        if missed := self._storage.turns.expire(now, site_now, self._rules):
            logger.error("%s", self._rules.missed(missed))
        self._note_silent(now)
        turn = self._claim(now)
        if turn is None:
            return False
        try:
            self._ask(turn, site_now)
        finally:
            self._in_hand.discard(turn.id)
        return True

    def _claim(self, now: datetime) -> Turn | None:
        """The next turn that no call is about: a clock that is put forward makes one
        due while its call still runs."""
        with self._claiming:
            turn = self._storage.turns.claim_next(
                now,
                now + self._answer_within,
                now + PROBE_EVERY,
                self._config.ai.max_attempts,
                self._in_hand,
            )
            if turn is not None:
                self._in_hand.add(turn.id)
            return turn

    def _ask(self, turn: Turn, site_now: datetime) -> None:
        question = self._storage.turns.question(turn)
        if not question.texts:
            return  # a longer turn took its texts over in this very moment
        key = self._storage.session.token_key()
        begins = site_now if turn.old_ok else turn.newest_at
        until = begins + self._rules.max_age
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
            self._storage.turns.taken(turn, f"the AI's 2xx held {answer.shape}")
            self._storage.ai.reached()
            logger.info("turn %s is with the AI", turn.short_id)

    def _answered(self, turn: Turn, message: str) -> None:
        try:
            answered = self._answers.reply(turn, message, AI_NAME, logger)
        except (ReplyRefused, AnsweredOtherwise):
            return  # it is noted, and said
        if answered.reply and answered.reply.status == ReplyStatus.PENDING:
            logger.info("turn %s is answered", turn.short_id)

    def _note_silent(self, now: datetime) -> None:
        """Taken with a 2xx, and no answer came: whoever wired the AI must see why."""
        most = self._config.ai.max_attempts
        for turn in self._storage.turns.silent(
            now, self._answer_within, most, frozenset(self._in_hand)
        ):
            shape = turn.taken_as or ""
            self._storage.ai.failed(AITrouble.SILENT, shape, now)
            over = turn.silences >= most
            level = logging.ERROR if over else logging.WARNING
            logger.log(level, "turn %s: %s", turn.short_id, turn.reason)

    # It did not take it

    def _not_taken(self, turn: Turn, e: AIError) -> None:
        now = self._now()
        wait = timedelta(seconds=backoff_s(turn.attempts))
        everyone = PROBE_EVERY if e.closed else None
        if e.retry_after_s:
            everyone = min(timedelta(seconds=e.retry_after_s), SLOWEST)
        if everyone is not None:
            wait = everyone
        kind = AITrouble.REFUSING if e.reached else AITrouble.UNREACHED
        at = now + everyone if everyone else None
        news = self._storage.ai.failed(kind, str(e), now, at)
        # All turns wait for an AI that is closed: it is said once, and not of each.
        level = logging.DEBUG if e.closed else logging.WARNING
        self._answers.put_off(turn, str(e), wait, e.permanent, logger, level)
        if e.closed and news:
            logger.error("%s; all turns wait, and one is asked once a minute", e)
