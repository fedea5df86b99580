"""What a review of the program found: rules that it had broken once."""

from __future__ import annotations

import logging
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import test_logs as L
import test_policy as P
import test_storage as S
import test_webhook as W
from test_logs import logging_as_before  # noqa: F401
from test_webhook import api  # noqa: F401
from test_webhook import serve  # noqa: F401
from test_webhook import server  # noqa: F401
from test_webhook import switch  # noqa: F401

from airbot.models import ReplyStatus
from airbot.policy import pace
from airbot.policy import turns
from airbot.policy.proof import Verdict
from airbot.storage import Storage


def test_a_turn_that_is_too_old_closes_although_the_guest_wrote_again() -> None:
    held = P.case("g1@13h g2", "g1@13h | answered")
    wanted = "close expired, open new 2"
    assert P.told(turns.decide_turn(held)) == wanted
    assert P.told(turns.decide_send(P.reply(), held)) == wanted


def test_a_reply_without_a_turn_that_is_too_old_closes_no_turn(storage) -> None:
    add = storage.outbox.enqueue_without_turn
    add("T1", "Hello", "curl", S.later(-13 * 3600))
    turn = S.turn_of(storage)
    held = S.claim(storage)
    storage.readings.take_in(S.reading(S.guest("T1-1")), S.RULES, S.NOW, reply=held)
    assert storage.turns.get(turn.id).status == "new"


def test_an_edit_after_the_claim_changes_nothing() -> None:
    held = P.case("edit1", "g1 | answered")
    assert P.told(turns.decide_send(P.reply(), held)) == "nothing"


def test_half_a_surrogate_in_message_id_is_400(api) -> None:
    W.refused(api.call({**W.BODY, "message_id": "\ud800"}), 400, "message_id")


def test_the_longest_body_is_64_kib(api) -> None:
    body = W.json.dumps(W.BODY).encode()
    assert api.ok(body + b" " * (W.MAX_BODY - len(body)))["success"]


def test_a_database_of_another_program_without_marks_is_refused(tmp_path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name)")
    before = path.read_bytes()
    with pytest.raises(S.StorageError, match="belongs to another program"):
        Storage(path)
    assert path.read_bytes() == before


def test_a_fresh_database_may_be_opened_by_many_at_once(tmp_path) -> None:
    for n in range(30):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: Storage(tmp_path / f"{n}.db").close(), range(6)))


def test_a_second_press_is_not_held_up_by_the_first(storage) -> None:
    reply = S.unproven(storage)
    again = Verdict(ReplyStatus.PENDING, "pressing once more")
    storage.outbox.conclude(reply, again, S.later(122), S.later(122))
    assert S.claim(storage, S.later(123), 1)


def test_a_card_below_an_unanswered_text_is_no_answer(storage) -> None:
    turn = S.turn_of(storage, S.guest("1"), S.card("2"))
    S.record(storage, S.guest("1"), S.card("2"), mark="m")
    storage.outbox.enqueue(turn, "Yes.", "AI", S.NOW)
    assert storage.inbox.resting_thread(None) is None


def test_full_files_are_our_users_alone_too(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("airbot.logs.FILE_BYTES", 500)
    L.start_logging("INFO", tmp_path)
    for number in range(100):
        logging.getLogger("airbot.sync").info("event %d", number)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize("said", ["a\u2028b", "a\x85b", "a\x0bb", "a\x1b[2Jb", "a\0b"])
def test_no_control_character_reaches_the_log(said: str) -> None:
    shown = L.LineFormatter().format(L.record(said=said))
    assert len(shown.splitlines()) == 1 and shown.isprintable()


def test_half_a_surrogate_does_not_lose_the_line(tmp_path) -> None:
    L.start_logging("INFO", tmp_path)
    logging.getLogger("airbot.sync").info("a\ud800b")
    assert len(L.lines(tmp_path / "app.log")) == 1


def test_a_warning_whose_arguments_do_not_fit_stops_nothing(tmp_path) -> None:
    L.start_logging("INFO", tmp_path)
    logging.getLogger("somebody").warning("%d threads", "fifteen")


def test_the_backoff_never_overflows() -> None:
    assert pace.backoff_s(5000) == 900


def test_a_closed_turns_reply_yields_to_a_person_too() -> None:
    held = P.case("g1 h2", standing="1=open")
    assert turns.decide_send(P.reply(), held).close is not None


def test_a_failed_turn_whose_texts_went_on_is_not_asked_again(storage) -> None:
    first = S.turn_of(storage, S.guest("1"))
    storage.turns.give_up(first.id, "HTTP 400", S.NOW)
    second = S.turn_of(storage, S.guest("1"), S.guest("2"))
    storage.outbox.enqueue(second, "Yes.", "AI", S.NOW)
    from airbot.exceptions import VerbRefused

    with pytest.raises(VerbRefused):
        storage.verbs.retry_turn(first.id, S.later(-3600), S.NOW)
