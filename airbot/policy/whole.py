"""Is a reading of a conversation whole? One that is not decides nothing.

Airbnb's answers lag behind each other: the row of the list shows a guest's text that
the conversation does not hold yet, an answer comes without messages, a page is cut
before its end. Who takes such a reading for the truth forgets a guest, talks over the
host, or "proves" that a reply never arrived.

The way out: two looks at freshly loaded pages, an hour apart, that agree are whole, and
what they lack is noted as vanished.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta

from airbot.models import Odd
from airbot.models import Reading

LOOKS_APART = timedelta(hours=1)
SAID_AFTER = 3  # readings in a row that were not whole
EVERY_CYCLE = 20  # so often it is read again at each cycle; then ever more slowly
SLOWEST = timedelta(minutes=15)


@dataclass(frozen=True)
class Known:
    """What is known of a conversation beside the reading.

    `order`: the ids of its messages as they stood, those that are unsent or vanished
    left out. `row_names`: the newest message, as the list's row names it.
    """

    order: tuple[str, ...] = ()
    row_names: str | None = None


def lacking(reading: Reading, known: Known) -> str | None:
    """What a reading lacks, in words; None when it is whole."""
    shown = set(reading.ids)
    if newest := newest_odd(reading):
        return f"its newest message is not understood ({newest.path})"
    if not reading.complete:
        return "Airbnb holds its newest messages back"
    if not shown and (known.order or known.row_names):
        return "Airbnb shows it without its messages"
    if known.row_names is not None and known.row_names not in shown:
        return "it lacks the message that the list shows"
    if known.order and known.order[-1] not in shown and not _ends_newer(reading, known):
        return "it ends before a message that was there"
    return None


def newest_odd(reading: Reading) -> Odd | None:
    """A message that is not understood, and may be the host's answer: never guessed."""
    return next((odd for odd in reading.odd if odd.newest), None)


def vanished(reading: Reading, known: Known) -> tuple[str, ...]:
    """The ids that a reading lacks although they belong below what it shows."""
    shown = set(reading.ids)
    last = max((n for n, id_ in enumerate(known.order) if id_ in shown), default=-1)
    below = known.order[last + 1 :]
    row = (known.row_names,) if known.row_names not in (None, *below) else ()
    return tuple(id_ for id_ in (*below, *row) if id_ and id_ not in shown)


def _ends_newer(reading: Reading, known: Known) -> bool:
    """Does it end with a message that no reading had before?"""
    return bool(reading.messages) and reading.messages[-1].id not in known.order


def wants_more(reading: Reading, known: Known) -> bool:
    """Is it cut at its beginning, so that a longer answer would tell more?

    It should reach back to a message that is known, or to an answer to the guest.
    """
    if reading.from_start or not reading.messages:
        return False
    reaches = any(id_ in known.order for id_ in reading.ids)
    return not reaches and not any(m.is_persons_answer for m in reading.messages)


def read_again_after(times: int) -> timedelta:
    """How long a conversation rests after so many readings that were not whole."""
    if times <= EVERY_CYCLE:
        return timedelta(0)
    minutes = 2.0 ** min(times - EVERY_CYCLE - 1, 10)
    return min(SLOWEST, timedelta(minutes=minutes))


def merged(
    stored: tuple[str, ...], shown: tuple[str, ...], newest: str | None = None
) -> tuple[str, ...]:
    """One order of all ids: what a reading lacks keeps its place among its neighbours.

    `1 2 3 4` and then `2 4 5` give `1 2 3 4 5`; so do `1 2 3 4` and `5`. `newest`
    stands last, even where what is shown does not hold it yet.
    """
    result = list(shown)
    places = set(shown)
    at = 0
    for id_ in stored:
        if id_ in places:
            at = result.index(id_) + 1
        else:
            result.insert(at, id_)
            at += 1
    if newest in result and newest not in places:
        result.remove(newest)
        result.append(newest)
    return tuple(result)


def agree(
    first_at: datetime | None, first: str | None, now: datetime, second: str
) -> bool:
    """Do two looks at freshly loaded pages, well apart, show the same?"""
    apart = first_at is not None and now - first_at >= LOOKS_APART
    return apart and first == second
