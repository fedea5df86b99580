"""Is a text of the host's side one that Airbnb's clock sent, or a person's?

Scheduled messages (check-in instructions, a reminder to check out) look like their own
texts: no flag. But they stand in many conversations, always alike, and mostly where no
guest waits for an answer. A saved reply stands in many too, but below a question; "the
power is out", pasted to four guests, stands in all of them on one day.

Both mistakes are bad: a text of the clock that counts as an answer leaves a guest at
the door, and a person's that does not count is talked over. In doubt it is a person's.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

from airbot.policy import wordlists

ENOUGH_WORDS = 12
FEW_WORDS = 6  # fewer say too little even for a doubt: "You're welcome!"
SIGNS_A_WORD = 3  # in scripts without blanks a sign is taken for a word
CONVERSATIONS = 3
DAY = timedelta(days=1)
ONE_STAY = timedelta(days=30)  # within it the clock sends a text once

# Of two texts of one template: an edited word, a month that no list has. Twelve words
# are shared for each that is not; "please try it again" is a person's already.
MOST_OWN = 3
LOST_PART = 4  # one in four words may have been left out for one guest


class Verdict(StrEnum):
    SCHEDULED = "scheduled"
    DOUBT = "doubt"  # counts as a person's, but stands in other conversations too
    PERSON = "person"


@dataclass(frozen=True)
class Earlier:
    """A text of the host's side that is stored already.

    `below_unanswered`: a guest's text above it waited for an answer.
    """

    thread_id: str
    sent_at: datetime
    words: tuple[str, ...] = field(repr=False)
    below_unanswered: bool


# What remains of a text


def _plain(text: str) -> str:
    """NFKC without accents and unseen signs: José is Jose, in names and in texts."""
    shown = unicodedata.normalize("NFKD", text.translate(APOSTROPHES))
    kept = (c for c in shown if unicodedata.category(c) not in ("Mn", "Mc", "Me", "Cf"))
    return unicodedata.normalize("NFC", "".join(kept))


def _folded(listed: str) -> frozenset[str]:
    return frozenset(_plain(listed).casefold().split())


APOSTROPHES = str.maketrans("’ʼ`", "'''")
# Han, kana, Thai, Lao, Burmese, Khmer: no blanks between the words.
SIGNS = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
LETTER = rf"[^\W_{SIGNS}]"
WORD = re.compile(rf"[{SIGNS}]|{LETTER}+(?:['-]{LETTER}+)*")
SIGN = re.compile(rf"[{SIGNS}]")
DIGIT = re.compile(r"\d")
NAME = "X0"  # stands for any: with a capital in a greeting, and cut as numbers are
PIECES = re.compile(r"[\W_]+")
# Where a name has no end that can be seen: "花子さん", "Maya님".
FUSED = re.compile(rf"[{SIGNS}가-힣]")
PIECE = re.compile(rf"[^\W\d_{SIGNS}가-힣]+")
LINK = re.compile(
    r"(?:https?://|www\.)[!-~]+"
    r"|(?<![\w.+-])[\w.+-]+@[\w.-]+"
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)+/[!-~]*",
    re.ASCII | re.IGNORECASE,
)
DATES = _folded(wordlists.DATES)
BESIDE_DATES = _folded(wordlists.BESIDE_DATES) | {d for d in DATES if len(d) <= 3}
SIGNS_OF_DATES = re.compile(_plain(wordlists.SIGNS_OF_DATES))
BETWEEN_NAMES = _folded(wordlists.BETWEEN_NAMES)
# "Hi Maya,", "Dear Jean-Luc and Anna!", "Good morning Maya - "
GREETING = re.compile(
    rf"\W*(?:(?i:{'|'.join(_folded(wordlists.GREETINGS))})\b[\s,]*)+"
    r"(?P<whom>[^,!:;\n]{0,40}?)(?:[,!:;\n]|\s[-–—]\s)"
)


def words(
    text: str, names: Iterable[str] = (), titles: Iterable[str] = ()
) -> tuple[str, ...]:
    """What remains when all that differs from guest to guest is cut away.

    `names`: those of the conversation's people, cut in parts too. `titles`: those of
    the listing, cut whole only: "The House in the Garden" is made of everyday words.
    """
    said = _without_names(LINK.sub(" ", _plain(text)), names, titles)
    said = SIGNS_OF_DATES.sub("0", _without_greeting(said))
    return _without_dates(WORD.findall(said.casefold()))


def _without_names(text: str, names: Iterable[str], titles: Iterable[str]) -> str:
    """Cut as written or as Titles: a guest named Will is not every "will"."""
    pieces = [piece for name in names for piece in PIECES.split(_plain(name))]
    parts = set(filter(_is_telling, pieces))
    parts |= {part.title() for part in parts}
    phrases = [_plain(title).strip() for title in titles]
    phrases += filter(FUSED.search, parts)
    for phrase in sorted(filter(_is_telling, phrases), key=len, reverse=True):
        text = text.replace(phrase, NAME)
    return PIECE.sub(lambda piece: NAME if piece[0] in parts else piece[0], text)


def _is_telling(part: str) -> bool:
    """Not an initial, nor the "de la" of a long name."""
    return len(part) > 3 or len(part) > 1 and not part.islower()


def _without_greeting(text: str) -> str:
    """Nicknames are in no list, but only names stand between "Hi" and the comma."""
    found = GREETING.match(text)
    if found and all(map(_may_be_name, WORD.findall(found["whom"]))):
        return text[found.end() :]
    return text


def _may_be_name(word: str) -> bool:
    return word[0].isupper() or word in BETWEEN_NAMES


def _without_dates(found: list[str]) -> tuple[str, ...]:
    """Without numbers, days, months and the small words in a row beside them."""
    cut = [_is_date(word) for word in found]
    places = range(len(found))
    for order in (places, places[::-1]):
        for beside, at in pairwise(order):
            cut[at] = cut[at] or cut[beside] and found[at] in BESIDE_DATES
    return tuple(word for word, gone in zip(found, cut) if not gone)


def _is_date(word: str) -> bool:
    pieces = PIECES.split(word)
    return bool(DIGIT.search(word)) or any(len(p) > 3 and p in DATES for p in pieces)


# Whose is it?


def is_long_enough(text: str) -> bool:
    """May it be the clock's at all, before names are cut away? A short one never is."""
    return _size(words(text)) >= ENOUGH_WORDS


def judge(
    said: tuple[str, ...], sent_at: datetime, thread_id: str, earlier: Iterable[Earlier]
) -> Verdict:
    """`said`: the `words` of a text that airbot did not send."""
    alike = [text for text in earlier if _alike(said, text.words)]
    others = _first_of_each([text for text in alike if text.thread_id != thread_id])
    old = [text for text in others if sent_at - text.sent_at >= DAY]
    proven = len(old) >= CONVERSATIONS and _mostly_quiet(old)
    size = _size(said)
    if proven and size >= ENOUGH_WORDS and not _again(alike, sent_at, thread_id):
        return Verdict.SCHEDULED
    doubtful = size >= ENOUGH_WORDS or proven and size >= FEW_WORDS
    return Verdict.DOUBT if doubtful and _mostly_quiet(others) else Verdict.PERSON


def _alike(young: tuple[str, ...], older: tuple[str, ...]) -> bool:
    """May both be one template, filled for two guests or edited in between?

    No: it begins or ends with a word of its own, or has more than a few of them, as a
    person's addition has. A sentence may have been left out for one guest.
    """
    if young == older:
        return True
    if not young or not older or young[0] != older[0] or young[-1] != older[-1]:
        return False
    own = (Counter(young) - Counter(older)).total()
    lost = len(older) - len(young) + own
    most_own = min(MOST_OWN, len(young) // (ENOUGH_WORDS + 1))
    return own <= most_own and lost <= len(older) // LOST_PART


def _first_of_each(texts: Iterable[Earlier]) -> Collection[Earlier]:
    """The first of each conversation: a second one was sent again by a person."""
    first: dict[str, Earlier] = {}
    for text in texts:
        known = first.setdefault(text.thread_id, text)
        if text.sent_at < known.sent_at:
            first[text.thread_id] = text
    return first.values()


def _mostly_quiet(texts: Collection[Earlier]) -> bool:
    return sum(text.below_unanswered for text in texts) * 2 < len(texts)


def _again(alike: list[Earlier], sent_at: datetime, thread_id: str) -> bool:
    """Does it stand in this conversation already: "the code again", from a person?"""
    return any(
        text.thread_id == thread_id and timedelta() < sent_at - text.sent_at < ONE_STAY
        for text in alike
    )


def _size(said: tuple[str, ...]) -> int:
    signs = sum(1 for word in said if SIGN.match(word))
    return len(said) - signs + signs // SIGNS_A_WORD
