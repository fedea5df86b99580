"""SEND: a reply's way into the conversation, and the proof that it stands there.

    claim      the row is `processing`; a death from here on puts it back to `pending`
    read       has a person answered, has the guest written again, is it too old?
    open       the conversation, unless it is open; is it that conversation?
    type       line by line, and read the composer back
    read       once more, in the page: the same; its last message is the anchor
    record     one commit: the attempt, `send_started_at`, the anchor: THE BOUNDARY
    press      once
    prove      read it in a page loaded since: exactly one new message of ours = `sent`

After the boundary a row is `uncertain` unless a reading decides. It is read again until
it is found, or two counting readings, `settle_sec` apart, show nothing: then Send is
pressed a second and last time. What no reading can decide is parked for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from datetime import timedelta

from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.exceptions import LoginRequired
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import SiteError
from airbot.exceptions import ThreadNotShown
from airbot.models import PressOutcome
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import utcnow
from airbot.policy import proof
from airbot.policy.pace import EVERYWHERE
from airbot.policy.pace import Full
from airbot.policy.pace import backoff_s
from airbot.policy.proof import Verdict
from airbot.policy.rules import Rules
from airbot.storage import Storage
from airbot.storage.outbox import PutOff

logger = logging.getLogger(__name__)


class Dealt(int):
    """How many replies were settled or sent in one run."""

    def __str__(self) -> str:
        return "1 reply" if self == 1 else f"{int(self)} replies"


class Sender:
    """Sends the replies that wait, one at a time, in the browser's own thread."""

    def __init__(
        self,
        storage: Storage,
        site: Airbnb,
        config: Config,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._storage = storage
        self._outbox = storage.outbox
        self._site = site
        self._rules = Rules.of(config)
        self._look_again = timedelta(seconds=config.send.interval_sec)
        self._now = now
        self._full: set[str] = set()  # the hours that were said to be full
        self._proven_in: str | None = None  # where the last proof has left the page

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Dealt:
        """Settle and send all that is due; how many replies were dealt with."""
        self._recover()
        done = 0
        while not stopping() and (self.settle_one() or self.send_one()):
            done += 1
        return Dealt(done)

    def _recover(self) -> None:
        # Nothing is in hand now: what is `processing` was left by a death or an error.
        if left := self._outbox.recover(self._now()):
            logger.warning("%d replies were left in the middle", left)

    def send_one(self) -> bool:
        """Deal with the next reply that is due; False when none is."""
        if (reply := self._claim()) is None:
            return False
        if pressed := self._go_to_the_boundary(reply):
            self._press(pressed)
        return True

    def _claim(self) -> Reply | None:
        while True:
            claimed = self._outbox.claim_next(self._now(), self._rules)
            if not isinstance(claimed, PutOff):
                break
            self._tell_once(claimed.full, claimed.reply_id)
        if claimed is not None:
            self._full -= {claimed.thread_id, EVERYWHERE}
        return claimed

    def _tell_once(self, full: Full, reply_id: str) -> None:
        """An AI that runs wild is an error, once: not each time that we look."""
        if full.where not in self._full:
            self._full.add(full.where)
            logger.error("reply %s %s", reply_id[:8], full.reason)

    def settle_one(self) -> bool:
        """Read the thread of an uncertain reply once more; False when none is due."""
        reply = self._outbox.next_unsettled(self._now())
        if reply is None:
            return False
        self._prove(reply, _remembered(reply))
        return True

    # Before the boundary

    def _go_to_the_boundary(self, reply: Reply) -> Reply | None:
        """Everything up to the press; the row on record as pressed, or None.

        No error from here can mean that something was sent.
        """
        try:
            reading = self._type(reply)
        except ThreadNotShown as e:
            self._not_shown(reply, e)
        except ReplyNotTyped as e:
            self._try_later(reply, str(e))
        except SiteError as e:
            # Not this reply's fault: it waits for the session, and is not counted.
            self._outbox.release(reply, str(e), self._now())
            raise
        else:
            if reading is not None:
                anchor = reading.messages[-1].id if reading.messages else None
                return self._outbox.start_press(reply, anchor, self._now())
        return None

    def _type(self, reply: Reply) -> Reading | None:
        """Type the reply where it belongs; the last reading before the press.

        None when it may not be sent (any more); no draft is left then.
        """
        reading = self._ask(reply)
        if not self._may_send(reply, reading):
            return None
        if not self._is_open(reply.thread_id):
            self._site.open_thread(reply.thread_id)
        self._site.type_reply(reply.message)
        try:
            reading = self._ask(reply)
            if self._may_send(reply, reading):
                self._site.check_typed(reply.thread_id, reply.message)
                return reading
        except (SiteError, ThreadNotShown):
            with suppress(SiteError):
                self._site.empty_composer()
            raise
        self._site.empty_composer()
        return None

    def _is_open(self, thread_id: str) -> bool:
        """Does the page stand there since the proof of the reply before?"""
        still_there = self._site.standing == thread_id and self._site.loaded_since_press
        return still_there and self._proven_in == thread_id

    def _ask(self, reply: Reply, fresh: bool = False) -> Reading:
        try:
            return self._site.ask_thread(reply.thread_id, fresh)
        finally:
            self._check_account()

    def _check_account(self) -> None:
        """As another account every conversation of ours seems gone, or unanswered."""
        known = self._storage.session.get().account_id
        if known is not None and self._site.account_id not in ("", known):
            raise LoginRequired("the browser is logged in as another Airbnb account")

    def _may_send(self, reply: Reply, reading: Reading) -> bool:
        if reply.presses and self._arrived_after_all(reply, reading):
            return False
        taken = self._storage.readings.take_in(
            reading, self._rules, self._now(), reply=reply
        )
        if not taken.may_send:
            logger.info("reply %s is not sent: %s", reply.id[:8], taken.reason)
        return taken.may_send

    def _arrived_after_all(self, reply: Reply, reading: Reading) -> bool:
        """Before a second press: does the first one stand there by now?"""
        verdict = self._judge(reply, None, reading)
        if verdict.absent:
            return False
        self._conclude(reply, verdict, reading)
        return True

    def _not_shown(self, reply: Reply, e: ThreadNotShown) -> None:
        if self._storage.inbox.knows(reply.thread_id):
            self._try_later(reply, str(e))
        else:
            self._outbox.fail(reply, str(e), self._now())
            logger.error("reply %s failed: %s", reply.id[:8], e)

    def _try_later(self, reply: Reply, reason: str) -> None:
        now = self._now()
        if reply.attempts + 1 >= self._rules.max_attempts:
            self._outbox.fail(reply, reason, now)
            logger.error("reply %s failed: %s", reply.id[:8], reason)
            return
        wait = backoff_s(reply.attempts + 1)
        again_at = now + timedelta(seconds=wait)
        self._outbox.release(reply, reason, now, again_at, counted=True)
        logger.warning("reply %s: %s; again in %.0f s", reply.id[:8], reason, wait)

    # Behind the boundary

    def _press(self, reply: Reply) -> None:
        try:
            outcome = self._site.press_send()
        except SiteError as e:
            self._conclude(reply, Verdict(ReplyStatus.UNCERTAIN, str(e)))
            raise
        reply = self._outbox.press_seen(reply, outcome, self._now())
        self._prove(reply, outcome)

    def _prove(self, reply: Reply, outcome: PressOutcome | None) -> None:
        """Read the conversation from a page loaded now, and write down what it says."""
        try:
            reading = self._read_proof(reply, outcome)
        except (ThreadNotShown, SiteError) as e:
            self._conclude(reply, Verdict(ReplyStatus.UNCERTAIN, str(e)))
            if isinstance(e, SiteError):
                raise
        else:
            self._conclude(reply, self._judge(reply, outcome, reading), reading)

    def _read_proof(self, reply: Reply, outcome: PressOutcome | None) -> Reading:
        """What stands there: asked of a page loaded since the press, past any cache.

        That finds a message quickly. That none is there says only the conversation
        itself, opened: it alone shows what is still on its way.
        """
        if self._site.loaded_since_press:
            reading = self._ask(reply, fresh=True)
            if self._judge(reply, outcome, reading).status == ReplyStatus.SENT:
                return reading
        self._proven_in = None
        opened = self._site.open_thread(reply.thread_id)
        self._proven_in = reply.thread_id
        return replace(self._ask(reply, fresh=True), sending=opened.sending)

    def _judge(
        self, reply: Reply, outcome: PressOutcome | None, reading: Reading
    ) -> Verdict:
        return proof.judge(reply, outcome, reading, self._outbox.taken(reply))

    def _conclude(
        self, reply: Reply, verdict: Verdict, reading: Reading | None = None
    ) -> None:
        """What is known now of a reply that was pressed; without a reading: an error.

        A person may have settled it meanwhile: his word stays.
        """
        now = self._now()
        verdict = proof.settle(reply, verdict, now, self._rules.settle_after)
        again_at = self._look_again_at(reply, verdict, now)
        concluded = self._storage.conclude(
            reply, verdict, again_at, now, self._rules, reading
        )
        if concluded is not None:
            _tell(concluded, verdict)

    def _look_again_at(
        self, reply: Reply, verdict: Verdict, now: datetime
    ) -> datetime | None:
        if verdict.status == ReplyStatus.PENDING:
            pressed_twice_is_due = reply.absent_readings > 0
            wait = 0.0 if pressed_twice_is_due else backoff_s(reply.attempts)
            return now + timedelta(seconds=wait)
        if verdict.absent:
            apart = proof.proof_after(reply, self._rules.settle_after)
            return (reply.first_absent_at or now) + apart
        return now + self._look_again


def _remembered(reply: Reply) -> PressOutcome | None:
    """What was seen of the press, when it was in another run."""
    if reply.request is None:
        return None
    return PressOutcome(
        requested=reply.request != "none",
        refused=reply.request == "refused",
        accepted=reply.request == "accepted",
    )


def _tell(reply: Reply, verdict: Verdict) -> None:
    id_ = reply.id[:8]
    if verdict.status == ReplyStatus.SENT:
        note = f" ({verdict.reason})" if verdict.reason else ""
        logger.info(
            "reply %s stands there as message %s%s",
            id_,
            verdict.site_message_id,
            note,
        )
    elif verdict.status == ReplyStatus.UNCERTAIN:
        logger.warning("reply %s is uncertain: %s", id_, verdict.reason)
    else:
        logger.warning("reply %s is %s: %s", id_, reply.status, verdict.reason)
