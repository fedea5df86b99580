"""Conversations in words, top to bottom: `g1 h2 card3 g4@13h`.

Letters say who and what, the number is the id, `@` is the age (one minute if it is left
out).
"""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OURS = "900"
REPLY = "Yes, parking is free from 8 a.m. to 8 p.m."
ALTERED = "Yes, parking is free from 8 a.m. to […]"
HIDDEN = "Yes, parking is free from (Phone number hidden by Airbnb)."
ELSE = "Sorry for the noise next door!"

IN, OUT, SYSTEM = Direction.INBOUND, Direction.OUTBOUND, Direction.SYSTEM
# Word: account, role, direction, kind, body.
WORDS = {
    "g": ("1", "guest", IN, Kind.TEXT, "text {id}"),
    "edit": ("1", "guest", IN, Kind.TEXT, "edited {id}"),
    "unsent": ("1", "guest", IN, Kind.DELETED, None),
    "photo": ("1", "guest", IN, Kind.MEDIA, None),
    "gcard": ("1", "guest", IN, Kind.CARD, None),
    "c": ("2", "cotraveler", IN, Kind.TEXT, "text {id}"),
    "h": ("800", "cohost", OUT, Kind.TEXT, ELSE),
    "clock": ("800", "cohost", OUT, Kind.TEXT, ELSE),
    "hcard": ("800", "cohost", OUT, Kind.CARD, None),
    "hphoto": ("800", "cohost", OUT, Kind.MEDIA, None),
    "hunsent": ("800", "cohost", OUT, Kind.DELETED, None),
    "hsame": ("800", "cohost", OUT, Kind.TEXT, REPLY),
    "nobody": ("700", "unlisted", SYSTEM, Kind.TEXT, ELSE),
    "own": (OURS, "host", OUT, Kind.TEXT, REPLY),
    "hidden": (OURS, "host", OUT, Kind.TEXT, HIDDEN),
    "altered": (OURS, "host", OUT, Kind.TEXT, ALTERED),
    "typed": (OURS, "host", OUT, Kind.TEXT, ELSE),
    "owncard": (OURS, "host", OUT, Kind.CARD, None),
    "ownunsent": (OURS, "host", OUT, Kind.DELETED, None),
    "notice": ("3", "service", SYSTEM, Kind.NOTICE, "joined"),
    "service": ("3", "service", SYSTEM, Kind.TEXT, "a service text"),
    "card": ("3", "service", SYSTEM, Kind.CARD, None),
}


def message(word: str) -> Message:
    found = re.fullmatch(r"([a-z]+)(\d+)(?:@(\d+)([smh]))?", word)
    assert found, word
    name, id_, age, unit = found.groups()
    account, role, direction, kind, body = WORDS[name]
    return Message(
        id=id_,
        account_id=account,
        sender=role,
        role=role,
        direction=direction,
        kind=kind,
        body=body and body.format(id=id_),
        sent_at=NOW - period(f"{age or 1}{unit or 'm'}"),
        uuid=f"uuid-{id_}",
        scheduled=name == "clock",
    )


def period(text: str) -> timedelta:
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[text[-1]]
    return timedelta(**{unit: int(text[:-1])})


def messages(words: str) -> tuple[Message, ...]:
    return tuple(message(word) for word in words.split())
