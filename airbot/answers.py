"""An answer's one way into the queue, whoever brings it.

    ASK      the AI has answered its own question
    webhook  the AI calls back, or a script does

A text is cleaned, stored, told of in the log of the room that brought it, and then SEND
is woken. A turn has one reply: what comes second is the first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from logging import Logger

from airbot.config import Config
from airbot.contract.text import Clean
from airbot.contract.text import ReplyRefused
from airbot.contract.text import clean_reply
from airbot.exceptions import AnsweredOtherwise
from airbot.models import AITrouble
from airbot.models import Answered
from airbot.models import Door
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import utcnow
from airbot.policy.pace import backoff_s
from airbot.policy.states import OPEN_TURNS
from airbot.storage import Storage


class Answers:
    """Takes answers in; several threads may do so at once."""

    def __init__(
        self,
        storage: Storage,
        config: Config,
        wake: Callable[[], None],
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        """`wake` lets SEND look at once."""
        self._storage = storage
        self._max_chars = config.send.max_chars
        self._max_attempts = config.ai.max_attempts
        self._wake = wake
        self._now = now

    def reply(
        self,
        to: Turn | str,
        text: str,
        sender: str,
        room: Logger,
        call_id: str | None = None,
        door: Door = Door.INLINE,
    ) -> Answered:
        """Queue an answer to a turn, or to a conversation (its id) without one.

        `door` is kept with it. A call with an id that has come before leads to nothing
        new. Raises ReplyRefused for a text that cannot be typed, AnsweredOtherwise for
        a second, different one.
        """
        seen, lost = self._clean(to, text, room)

        def queue() -> Answered:
            reply = self._enqueue(to, seen, sender, door)
            if reply.message != seen:
                raise AnsweredOtherwise("this turn has another answer already")
            room.info("reply %s is %s", reply.short_id, reply.status)
            if lost:
                note = "reply %s: %d characters that nobody sees were taken out"
                room.warning(note, reply.short_id, lost)
            return Answered(reply, to if isinstance(to, Turn) else None)

        try:
            answered = self._once(call_id, queue)
        except AnsweredOtherwise as e:
            id_ = to.short_id if isinstance(to, Turn) else ""
            room.warning("turn %s: %s; the new one is not taken", id_, e)
            raise
        if isinstance(to, Turn):
            self._storage.ai.answered(self._now())
        if answered.reply is not None and answered.reply.status == ReplyStatus.PENDING:
            self._wake()
        return answered

    def _clean(self, to: Turn | str, text: str, room: Logger) -> Clean:
        try:
            return clean_reply(text, self._max_chars)
        except ReplyRefused as e:
            if isinstance(to, Turn):
                self._note_unusable(to, e, room)
            raise

    def ignore(self, turn: Turn, room: Logger, call_id: str | None = None) -> Answered:
        """Close a turn to which the AI wants no reply; one that is queued stays."""

        def close() -> Answered:
            if held := self._storage.outbox.of_turn(turn.id):
                return Answered(held, turn)
            self._storage.turns.ignore(turn.id, self._now())
            closed = self._storage.turns.get(turn.id) or turn
            room.info("turn %s is %s", turn.short_id, closed.status)
            return Answered(None, closed)

        answered = self._once(call_id, close)
        self._storage.ai.answered(self._now())
        return answered

    def _note_unusable(self, to: Turn, e: ReplyRefused, room: Logger) -> None:
        """However it came: it is counted, the AI is asked again, in the end no more."""
        turn, now = self._storage.turns.get(to.id), self._now()
        if turn is None or turn.status not in OPEN_TURNS:
            return
        reason = f"the AI's answer cannot be sent: {e}"
        self._storage.ai.failed(AITrouble.UNUSABLE, reason, now)
        wait = timedelta(seconds=backoff_s(turn.attempts))
        self.put_off(turn, reason, wait, True, room)

    def put_off(
        self,
        turn: Turn,
        reason: str,
        wait: timedelta,
        counted: bool,
        room: Logger,
        level: int = logging.WARNING,
    ) -> None:
        """Have the AI asked again; not where it has failed too often at this turn.

        `counted`: it failed at this very question.
        """
        now = self._now()
        if counted and turn.refusals + 1 >= self._max_attempts:
            self._storage.turns.give_up(turn.id, reason, now)
            room.error("turn %s failed: %s", turn.short_id, reason)
            return
        self._storage.turns.ask_again(turn, reason, now + wait, counted, now)
        seconds = wait.total_seconds()
        room.log(level, "turn %s: %s; again in %.0f s", turn.short_id, reason, seconds)

    def _enqueue(self, to: Turn | str, text: str, sender: str, door: Door) -> Reply:
        outbox, now = self._storage.outbox, self._now()
        if isinstance(to, Turn):
            return outbox.enqueue(to, text, sender, now, door)
        # Its age is its own: by Airbnb's clock, or as near as was known last.
        session = self._storage.session
        at = session.site_now(now) or session.get().site_time(now)
        return outbox.enqueue_without_turn(to, text, sender, at, door)

    def _once(self, call_id: str | None, act: Callable[[], Answered]) -> Answered:
        if call_id is None:
            return act()
        return self._storage.once(call_id, act)
