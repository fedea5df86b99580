"""SEND: a reply's way into the conversation, and the proof that it stands there.

    claim      the row is `processing`; a death from here on puts it back to `pending`
    read       has a person answered, has the guest written again or changed a text?
    open       the conversation, unless it is open; is it that conversation?
    type       line by line, and read the composer back
    read       once more, in the page: the same
    record     one commit: the attempt, `send_started_at`, what is known: THE BOUNDARY
    press      once
    prove      read it in a page loaded since: exactly one new message of ours = `sent`

Every reading is held against the list's row: one that lacks what the row shows decides
nothing and proves nothing. What fails in one conversation is counted and put back, and
the next reply has its turn.

After the boundary a row is `uncertain` unless a reading decides. It is read again until
it is found, or two counting readings, `settle_sec` apart, show nothing: then Send is
pressed a second and last time. What no reading can decide is parked for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from functools import partial

from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.exceptions import DialogShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteError
from airbot.exceptions import ThreadError
from airbot.exceptions import ThreadNotShown
from airbot.exceptions import ThreadTroubled
from airbot.exceptions import Unforeseen
from airbot.exceptions import one_conversation
from airbot.models import PressOutcome
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Thread
from airbot.models import Trouble
from airbot.models import short_id
from airbot.models import utcnow
from airbot.policy import proof
from airbot.policy.blame import Blame
from airbot.policy.blame import Works
from airbot.policy.pace import EVERYWHERE
from airbot.policy.pace import SLOWEST
from airbot.policy.pace import backoff_s
from airbot.policy.proof import Verdict
from airbot.policy.rules import Rules
from airbot.storage import Storage
from airbot.storage.outbox import PutOff

logger = logging.getLogger(__name__)

STEPS = ("read", "open", "type")  # what it takes to type a reply
SET_ASIDE = timedelta(minutes=15)


class _NotWhole(ThreadError):
    """The last reading decides nothing: the reply waits, and is not counted."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.sentence)
        self.trouble = trouble


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
        self._blame = Blame()
        self._settled: set[str] = set()  # in this run
        self._full: set[str] = set()  # the hours that were said to be full
        self._proven_in: str | None = None  # where the last proof has left the page

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Dealt:
        """Settle and send all that is due; how many replies were dealt with."""
        self._recover()
        self._settled.clear()
        done = 0
        while not stopping():
            # By turns: what cannot be settled, however much, keeps no guest waiting.
            dealt = self.settle_one() + (not stopping() and self.send_one())
            if not dealt:
                break
            done += dealt
        return Dealt(done)

    def _recover(self) -> None:
        # Nothing is in hand now: what is `processing` was left by a death or an error.
        if left := self._outbox.recover(self._now()):
            logger.warning("%d replies were left in the middle", left)

    def send_one(self) -> bool:
        """Deal with the next reply that is due; False when none is."""
        if (reply := self._claim()) is None:
            return False
        with self._site.one_browser(), self._alone(reply):
            if pressed := self._go_to_the_boundary(reply):
                self._press(pressed)
        return True

    @contextmanager
    def _alone(self, reply: Reply) -> Iterator[None]:
        """What nobody foresaw at one reply keeps no other waiting."""
        try:
            with one_conversation():
                yield
        except Unforeseen as e:
            found = self._outbox.set_aside(reply.id, str(e), self._now(), SET_ASIDE)
            logger.error("reply %s is %s: %s", reply.short_id, found, e)

    def _claim(self) -> Reply | None:
        while True:
            now = self._now()
            site_now = self._storage.session.site_now(now)
            claimed = self._outbox.claim_next(now, site_now, self._rules)
            if not isinstance(claimed, PutOff):
                break
            self._tell_put_off(claimed)
        if claimed is not None:
            self._full -= {claimed.thread_id, EVERYWHERE}
        return claimed

    def _tell_put_off(self, put_off: PutOff) -> None:
        """An AI that runs wild is an error, once: not each time that we look."""
        if put_off.full is None:
            logger.warning(
                "reply %s is not sent: %s", short_id(put_off.reply_id), put_off.reason
            )
        elif put_off.full.where not in self._full:
            self._full.add(put_off.full.where)
            logger.error("reply %s %s", short_id(put_off.reply_id), put_off.reason)

    def settle_one(self) -> bool:
        """Read the thread of an uncertain reply once more; False when none is due."""
        reply = self._outbox.next_unsettled(self._now(), self._rules)
        if reply is None or reply.id in self._settled:
            return False  # once in a run, whatever a clock says
        self._settled.add(reply.id)
        with self._site.one_browser(), self._alone(reply):
            self._prove(reply, _remembered(reply))
        return True

    # Before the boundary

    def _go_to_the_boundary(self, reply: Reply) -> Reply | None:
        """Everything up to the press; the row on record as pressed, or None.

        No error from here can mean that something was sent.
        """
        try:
            with one_conversation():
                if read_at := self._type(reply):
                    return self._outbox.start_press(reply, read_at)
        except _NotWhole as e:
            wait = max(self._look_again, e.trouble.read_again_at - self._now())
            self._release(reply, str(e), wait)
        except ThreadNotShown as e:
            self._not_shown(reply, e)
        except ThreadTroubled as e:
            is_the_sites = partial(self._blame.is_the_sites, e.step, reply.thread_id)
            self._troubled(reply, e.site_error, is_the_sites)
        except ThreadError as e:
            self._try_later(reply, str(e))
        except DialogShown as e:
            self._troubled(reply, e, self._lies_everywhere)
        except SiteError as e:
            # Not this reply's fault: it waits for the session, and is not counted.
            self._release(reply, str(e))
            raise
        return None

    def _type(self, reply: Reply) -> datetime | None:
        """Type the reply where it belongs, and look once more whether it may be sent.

        None when it may not (any more); no draft is left then.
        """
        if not self._may_send(reply, claimed=reply.presses > 0):
            return None
        self._type_text(reply)
        try:
            if read_at := self._may_send(reply):
                self._site.check_typed(reply.thread_id, reply.message)
                return read_at
        except (SiteError, ThreadError):
            with suppress(SiteError, ThreadError):
                self._site.empty_composer()
            raise
        self._site.empty_composer()
        return None

    def _type_text(self, reply: Reply) -> None:
        if not self._is_open(reply.thread_id):
            self._site.open_thread(reply.thread_id)
        try:
            self._site.type_reply(reply.message)
        except DialogShown:  # the page's own: it may be gone from one that is loaded
            self._site.open_thread(reply.thread_id)
            self._site.type_reply(reply.message)
        for step in STEPS:
            self._blame.worked(step, reply.thread_id)

    def _is_open(self, thread_id: str) -> bool:
        """Does the page stand there since the proof of the reply before?"""
        still_there = self._site.standing == thread_id and self._site.loaded_since_press
        return still_there and self._proven_in == thread_id

    def _read(
        self, thread_id: str, fresh: bool = False
    ) -> tuple[Reading, Thread | None]:
        """The conversation, and its row in a list that is read after it.

        What the row shows and the conversation does not hold yet is held back.
        """
        try:
            reading = self._site.read_thread(thread_id, fresh)
            if self._storage.readings.wants_more(reading):
                reading = self._site.read_thread(thread_id, fresh, more=True)
            page = self._site.read_inbox()
        except ThreadTroubled:
            self._site.read_inbox()  # where that fails, too, it is the site's trouble
            raise
        finally:
            self._check_account()
        self._storage.session.measured(page.site_time, self._now())
        return reading, next((row for row in page.threads if row.id == thread_id), None)

    def _check_account(self) -> None:
        """As another account every conversation of ours seems gone, or unanswered."""
        known = self._storage.session.get().account_id
        if known is not None and self._site.account_id not in ("", known):
            raise LoginRequired("the browser is logged in as another Airbnb account")

    def _may_send(self, reply: Reply, claimed: bool = True) -> datetime | None:
        """When it was read, by Airbnb's clock, that it may be sent; None: it may not.

        Raises _NotWhole where the reading decides nothing.
        """
        reading, row = self._read(reply.thread_id)
        if reply.presses and self._arrived_after_all(reply, reading, row):
            return None
        taken = self._storage.readings.take_in(
            reading, self._rules, self._now(), row, reply=reply, claimed=claimed
        )
        if not taken.whole and taken.trouble is not None:
            raise _NotWhole(taken.trouble)
        if taken.may_send:
            return reading.site_time
        logger.info("reply %s is not sent: %s", reply.short_id, taken.reason)
        return None

    def _arrived_after_all(
        self, reply: Reply, reading: Reading, row: Thread | None
    ) -> bool:
        """Before a second press: does the first one stand there by now?"""
        verdict = self._judge(reply, None, reading, row)
        if verdict.absent:
            return False
        self._conclude(reply, verdict, reading, row)
        return True

    # What keeps a reply from the boundary

    def _not_shown(self, reply: Reply, e: ThreadNotShown) -> None:
        if self._storage.inbox.knows(reply.thread_id):
            self._try_later(reply, str(e))
        else:
            self._fail(reply, str(e))

    def _troubled(
        self,
        reply: Reply,
        e: SiteError,
        is_the_sites: Callable[[Iterable[str], Works], bool],
    ) -> None:
        """The conversation's own trouble, or the site's: then this one is not counted.

        `is_the_sites` may try other conversations.
        """
        try:
            if is_the_sites(self._others(), self._site.works):
                raise e
        except SiteError:
            self._release(reply, str(e))
            raise
        self._try_later(reply, str(e))

    def _lies_everywhere(self, others: Iterable[str], works: Works) -> bool:
        """A dialog: over the page, or over one conversation alone?"""
        return not self._blame.works_elsewhere("type", others, works)

    def _others(self) -> list[str]:
        """Where a step may be tried: where nobody waits, and who is next to be sent."""
        rest = self._storage.inbox.resting_thread(None)
        waiting = self._outbox.with_status(ReplyStatus.PENDING)
        next_ = [reply.thread_id for reply in waiting if reply.turn_id]
        return [rest, *next_] if rest else next_

    def _try_later(self, reply: Reply, reason: str) -> None:
        if reply.attempts + 1 >= self._rules.max_attempts:
            self._fail(reply, reason)
            return
        wait = timedelta(seconds=backoff_s(reply.attempts + 1))
        self._release(reply, reason, wait, counted=True)
        seconds = wait.total_seconds()
        logger.warning("reply %s: %s; again in %.0f s", reply.short_id, reason, seconds)

    def _release(
        self,
        reply: Reply,
        reason: str,
        wait: timedelta | None = None,
        counted: bool = False,
    ) -> None:
        now = self._now()
        again_at = now + wait if wait else None
        self._outbox.release(reply, reason, now, again_at, counted)

    def _fail(self, reply: Reply, reason: str) -> None:
        self._outbox.fail(reply, reason, self._now())
        logger.error("reply %s failed: %s", reply.short_id, reason)

    # Behind the boundary

    def _press(self, reply: Reply) -> None:
        try:
            with one_conversation():
                outcome = self._site.press_send()
        except (SiteError, ThreadError) as e:
            self._unproven(reply, e)
        else:
            reply = self._outbox.press_seen(reply, outcome, self._now())
            self._prove(reply, outcome)

    def _prove(self, reply: Reply, outcome: PressOutcome | None) -> None:
        """Read the conversation from a page loaded now, and write down what it says."""
        try:
            with one_conversation():
                verdict, reading, row = self._read_proof(reply, outcome)
        except (SiteError, ThreadError) as e:
            self._unproven(reply, e)
        else:
            self._conclude(reply, verdict, reading, row)

    def _unproven(self, reply: Reply, e: SiteError | ThreadError) -> None:
        """A press or a reading that failed says nothing; only the site's goes on up."""
        self._conclude(reply, Verdict(ReplyStatus.UNCERTAIN, str(e)))
        if isinstance(e, SiteError):
            raise e

    def _read_proof(
        self, reply: Reply, outcome: PressOutcome | None
    ) -> tuple[Verdict, Reading, Thread | None]:
        """What stands there: asked of a page loaded since the press, past any cache.

        That finds a message quickly. That none is there says only the conversation
        itself, opened: it alone shows what is still on its way.
        """
        if self._site.loaded_since_press:
            reading, row = self._read(reply.thread_id, fresh=True)
            verdict = self._judge(reply, outcome, reading, row)
            if verdict.status == ReplyStatus.SENT:
                return verdict, reading, row
        self._proven_in = None
        opened = self._site.open_thread(reply.thread_id)
        self._proven_in = reply.thread_id
        reading, row = self._read(reply.thread_id, fresh=True)
        reading = replace(reading, sending=opened.sending)
        return self._judge(reply, outcome, reading, row), reading, row

    def _judge(
        self,
        reply: Reply,
        outcome: PressOutcome | None,
        reading: Reading,
        row: Thread | None,
    ) -> Verdict:
        lacking = self._storage.readings.lacking(reading, row)
        before = self._outbox.before(reply)
        return proof.judge(reply, outcome, reading, before, lacking)

    def _conclude(
        self,
        reply: Reply,
        verdict: Verdict,
        reading: Reading | None = None,
        row: Thread | None = None,
    ) -> None:
        """What is known now of a reply that was pressed; without a reading: an error.

        A person may have settled it meanwhile: his word stays.
        """
        now = self._now()
        at = reading.site_time if reading else self._storage.session.site_now(now)
        verdict = proof.settle(reply, verdict, at, self._rules.settle_after)
        again_at = now + self._look_after(reply, verdict, at)
        conclude = partial(
            self._storage.conclude, reply, verdict, again_at, now, self._rules
        )
        try:
            with one_conversation():
                concluded = conclude(reading, row)
        except Unforeseen as e:  # no reason to forget what is proven
            logger.error("conversation %s: %s", reply.thread_id, e)
            concluded = conclude(None, None)
        if concluded is not None:
            _tell(concluded, verdict)

    def _look_after(
        self, reply: Reply, verdict: Verdict, at: datetime | None
    ) -> timedelta:
        if verdict.status == ReplyStatus.PENDING:
            return timedelta(0)
        if at is None:
            return self._look_again
        if verdict.absent:
            apart = proof.proof_after(reply, self._rules.settle_after)
            return proof.first_absent(reply, at) + apart - at
        since = at - (reply.send_started_at or at)
        slowly = since > proof.LATE_READING  # by now no reading proves absence
        return min(SLOWEST, since / 4) if slowly else self._look_again


def _remembered(reply: Reply) -> PressOutcome | None:
    """What was seen of the press, when it was in another run."""
    if reply.request is None:
        return None
    return PressOutcome(
        requested=reply.request != "none",
        refused=reply.request == "refused",
        named=reply.named,
    )


def _tell(reply: Reply, verdict: Verdict) -> None:
    id_ = reply.short_id
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
