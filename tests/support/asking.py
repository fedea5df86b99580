"""A question to the host's AI, and a call of it as a socket hears it."""

from __future__ import annotations

import socket
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Question
from airbot.models import Turn
from airbot.models import TurnStatus

NOW = datetime(2026, 11, 22, 10, 27, 3, 120000, tzinfo=UTC)
CANARY = "canary-in-the-text"


def said(
    id_: str, body: str | None, role: str = "guest", kind: Kind = Kind.TEXT
) -> Message:
    direction = Direction.INBOUND if role == "guest" else Direction.OUTBOUND
    at = NOW + timedelta(seconds=int(id_))
    return Message(id_, "1", "Maya", role, direction, kind, body, at)


def question(*texts: Message, history: tuple[Message, ...] = ()) -> Question:
    turn = Turn(
        id="turn-1",
        thread_id="TWVzc2FnZVRocmVhZDoxMjM0NTY3",
        status=TurnStatus.ASKED,
        fingerprint="",
        supersedes=0,
        first_at=NOW,
        newest_at=NOW,
    )
    return Question(
        turn=turn,
        sender="Maya",
        listing_id="1200000000000000001",
        stage="CONFIRMED",
        description="3 nights",
        texts=texts or (said("1", f"Is parking free? {CANARY}"),),
        history=history,
    )


def read_request(connection: socket.socket) -> bytes:
    """Its headers. To its end: what is left unread at the close resets the answer."""
    with connection.makefile("rb") as file:
        length, headers = 0, b""
        while (line := file.readline()) not in (b"\r\n", b""):
            headers += line
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        file.read(length)
    return headers
