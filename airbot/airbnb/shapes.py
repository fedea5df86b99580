"""Airbnb's JSON as of 2026-04 to 2026-09: plain data in, threads and messages out.

No browser here. What is missing is named by its JSON path, which is the line of this
file to edit: of a row or a message it is set aside, of the frame it raises SiteChanged.
Ids stay text. Sources: captures of a host's web inbox of April 2026 and public projects
that read the same answers.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import ThreadError
from airbot.exceptions import ThreadNotShown
from airbot.exceptions import one_conversation
from airbot.models import InboxPage
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Odd
from airbot.models import Reading
from airbot.models import Thread
from airbot.policy.turns import UNLISTED
from airbot.policy.turns import is_hosted
from airbot.policy.turns import whose

THREAD_TYPE = "MessageThread"
WITHOUT_CONTENT = "a text without content"
# What errors say beside a conversation that is null and does not come back. Made up:
# no such answer was seen.
NOT_THERE = re.compile(r"not.?found|no.?such|permission|forbidden|not.?allowed", re.I)
Json = Any


# Ids: "TWVzc2FnZVRocmVhZDoxMjM0NTY3" is base64 of "MessageThread:1234567".


def global_id(type_: str, number: str) -> str:
    return base64.b64encode(f"{type_}:{number}".encode()).decode()


def number_of(id_: str, type_: str) -> str | None:
    """The number in a global id; None when it is not one of that type.

    As Airbnb writes it, and in no other way: two spellings of a conversation would be
    two conversations to a queue.
    """
    try:
        prefix, _, number = base64.b64decode(id_, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    is_one = _is_id(number) and global_id(type_, number) == id_
    return number if prefix == type_ and is_one else None


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_id(text: str) -> bool:
    return is_number(text) and not text.startswith("0")


def thread_id_from(text: str) -> str | None:
    """A `conversation_id` as callers write it: base64, or 6 to 20 digits."""
    if _is_id(text):
        return global_id(THREAD_TYPE, text) if 6 <= len(text) <= 20 else None
    return text if number_of(text, THREAD_TYPE) else None


def thread_number(thread_id: str) -> str:
    """The number that a conversation's address shows."""
    number = number_of(thread_id, THREAD_TYPE)
    if number is None:
        raise ValueError("not a thread's id")
    return number


# Walking the answers


def get(node: Json, path: str, where: str) -> Json:
    """The value at a dotted path, or SiteChanged naming the path."""
    for key in path.split("."):
        where = f"{where}.{key}"
        if not isinstance(node, dict) or key not in node:
            raise SiteChanged(where)
        node = node[key]
    return node


def find(node: Json, path: str) -> Json:
    """The value at a dotted path, or None."""
    for key in path.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node


def text_at(node: Json, path: str, where: str) -> str:
    value = get(node, path, where)
    if not isinstance(value, str) or not value:
        raise SiteChanged(f"a text at {where}.{path}")
    return value


def items_at(node: Json, path: str, where: str) -> list[Json]:
    value = get(node, path, where)
    if not isinstance(value, list):
        raise SiteChanged(f"a list at {where}.{path}")
    return value


def time_at(node: Json, key: str, where: str) -> datetime:
    """Milliseconds since 1970, in a string: "1777155446059"."""
    at = _moment(get(node, key, where))
    if at is None:
        raise SiteChanged(f"milliseconds at {where}.{key}")
    return at


def _moment(value: Json) -> datetime | None:
    text = str(value)
    if not is_number(text) or len(text) > 14:  # 14 digits last until the year 5138
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC)


@contextmanager
def _set_aside(path: str, node: Json, odd: list[Odd]) -> Iterator[None]:
    """One row, person or message that cannot be understood is named, and left out.

    So is one in which the program itself fails: it takes nothing from the others.
    """
    id_ = find(node, "id")
    id_ = id_ if isinstance(id_, str) else None
    try:
        with one_conversation():
            yield
    except SiteChanged as e:
        odd.append(Odd(e.missing, id_))
    except ThreadError as e:
        odd.append(Odd(f"{path}: {e}", id_))


def _check_most(all_: int, odd: list[Odd]) -> None:
    """One odd row or message is its own trouble; most of them are the site's."""
    if len(odd) > 1 and 2 * len(odd) > all_:
        raise SiteChanged(odd[0].path)


@contextmanager
def _errors_told(data: Json) -> Iterator[None]:
    """Where the answer names errors for what it lacks, Airbnb is out, not changed."""
    try:
        yield
    except SiteChanged as e:
        if find(data, "errors"):
            raise SiteUnavailable(f"errors in place of {e.missing}") from None
        raise


# The list


@dataclass(frozen=True)
class Participant:
    account_id: str
    role: str
    name: str | None


def inbox_page(data: Json, asked_as: str | None, site_time: datetime) -> InboxPage:
    """The answer to ViaductInboxData. `asked_as`: account id of the page's request.

    A row that cannot be understood is set aside; most of them: the site has changed.
    """
    with _errors_told(data):
        inbox, where = _messaging_inbox(data)
        own_id = _viewer_id(data) or asked_as
        if own_id is None:
            raise SiteChanged("the account: data.node.id (Viewer) or variables.userId")
        main, key = _connection(inbox, where)
        threads: dict[str, Thread] = {}
        if isinstance(find(inbox, "priorityItems.edges"), list):
            items, path = inbox["priorityItems"], f"{where}.priorityItems"
            _read_rows(items, own_id, path, threads)
        odd = _read_rows(main, own_id, f"{where}.{key}", threads)
        _check_most(len(main["edges"]), odd)
        cursor = _next_cursor(main, f"{where}.{key}")
    return InboxPage(own_id, tuple(threads.values()), cursor, site_time, tuple(odd))


def _read_rows(
    connection: Json, own_id: str, where: str, threads: dict[str, Thread]
) -> list[Odd]:
    """Put the rows of a connection into `threads`; the odd ones are given back.

    A row whose newest message is not to be seen is both: its mark is not kept.
    """
    odd: list[Odd] = []
    for number, edge in enumerate(items_at(connection, "edges", where)):
        path = f"{where}.edges[{number}]"
        with _set_aside(path, find(edge, "node"), odd):
            node = get(edge, "node", path)
            thread = thread_from(node, own_id, f"{path}.node")
            threads[thread.id] = thread  # priority rows come again in the main list
            if thread.mark is None and not _is_empty(node):
                raise SiteChanged(f"{path}.node.messageData.messages")
    return odd


def _messaging_inbox(data: Json) -> tuple[dict[str, Json], str]:
    # data.viewer and a bare messagingInbox: older answers, last seen 2025.
    for path in ("data.node", "data.viewer", "data"):
        inbox = find(data, f"{path}.messagingInbox")
        if isinstance(inbox, dict):
            return inbox, f"{path}.messagingInbox"
    raise SiteChanged("data.node.messagingInbox")


def _viewer_id(data: Json) -> str | None:
    for path in ("data.node.id", "data.viewer.id"):
        id_ = find(data, path)
        if isinstance(id_, str) and (number := number_of(id_, "Viewer")):
            return number
    return None


def _connection(inbox: dict[str, Json], where: str) -> tuple[dict[str, Json], str]:
    for key in ("inboxItems", "threads"):
        if isinstance(inbox.get(key), dict):
            return inbox[key], key
    raise SiteChanged(f"{where}.inboxItems")


def _next_cursor(connection: dict[str, Json], where: str) -> str | None:
    if not get(connection, "pageInfo.hasNextPage", where):
        return None
    return text_at(connection, "pageInfo.endCursor", where)


def thread_from(node: Json, own_id: str, where: str) -> Thread:
    """A row of the list, or the head of a thread's own answer: the same node."""
    id_ = text_at(node, "id", where)
    if number_of(id_, THREAD_TYPE) is None:
        raise SiteChanged(f"a {THREAD_TYPE} id at {where}.id")
    people, _ = participants(node, where)
    own_role = people[own_id].role if own_id in people else None
    newest = _newest_message(node)
    return Thread(
        id=id_,
        title=_standard_text(node, "inboxTitle") or "",
        own_role=own_role,
        hosted=is_hosted(own_role),
        listing_id=_tag_value(node, "stay_listing_ids"),
        stage=_tag_value(node, "trip_stages"),
        description=_standard_text(node, "inboxDescription"),
        activity_at=_activity(node, newest),
        mark=_mark(newest),
        latest=_latest(node, own_id, people, where),
        latest_id=_newest_id(newest),
    )


def participants(
    node: Json, where: str
) -> tuple[dict[str, Participant], tuple[Odd, ...]]:
    """Who takes part, by account id, and who cannot be understood.

    Service accounts are in no such list.
    """
    people: dict[str, Participant] = {}
    odd: list[Odd] = []
    edges = find(node, "participants.edges")
    if not isinstance(edges, list):
        return {}, (Odd(f"{where}.participants.edges"),)
    for number, edge in enumerate(edges):
        path = f"{where}.participants.edges[{number}]"
        with _set_aside(path, None, odd):
            person = _participant(get(edge, "node", path), f"{path}.node")
            people[person.account_id] = person
    return people, tuple(odd)


def _participant(person: Json, where: str) -> Participant:
    name = find(person, "enrichedParticipantInfo.name")
    return Participant(
        text_at(person, "accountId", where),
        text_at(person, "participantRole", where),
        name if isinstance(name, str) and name.strip() else None,
    )


def _standard_text(node: Json, key: str) -> str | None:
    parts = find(node, f"{key}.components")
    if not isinstance(parts, list):
        return None
    texts = (find(part, "text") for part in parts)
    return "".join(text for text in texts if isinstance(text, str)) or None


def _tag_value(node: Json, name: str) -> str | None:
    tags = node.get("userThreadTags")
    for tag in tags if isinstance(tags, list) else ():
        values = find(tag, "additionalValues")
        if find(tag, "userThreadTagName") == name and isinstance(values, list):
            first = values[0] if values else None
            return first if isinstance(first, str) else None
    return None


def _full_messages(node: Json) -> list[Json]:
    messages = find(node, "messageData.messages")
    return messages if isinstance(messages, list) else []


def _previews(node: Json) -> list[Json]:
    edges = find(node, "messages.edges")
    return edges if isinstance(edges, list) else []


def _newest_message(node: Json) -> Json | None:
    """The newest message, whole, or the preview that stands in for it."""
    whole = [message for message in _full_messages(node)[-1:] if _has_id(message)]
    preview = [find(edge, "node") for edge in _previews(node)[-1:]]
    return next(filter(_has_id, [*whole, *preview]), None)


def _has_id(message: Json) -> bool:
    return isinstance(find(message, "id"), str)


def _is_empty(node: Json) -> bool:
    """Does the row say that nothing was written there yet?"""
    said = (find(node, "messageData.messages"), find(node, "messages.edges"))
    return [] in said and all(not items for items in said)


def _newest_id(newest: Json | None) -> str | None:
    id_ = find(newest, "id")
    return number_of(id_, "Message") if isinstance(id_, str) else None


def _mark(newest: Json | None) -> str | None:
    """Another mark means: the newest message is another, or edited, or unsent."""
    if newest is None:
        return None
    parts = (find(newest, key) for key in ("id", "updatedAtMs", "deletedAtMs"))
    return "/".join(str(part or "-") for part in parts)


def _activity(node: Json, newest: Json | None) -> datetime | None:
    # What the list is sorted by. Not the time of the last message: a reaction moves
    # it, a scheduled text does not. No guest text is newer than it (2026-04, 17 rows).
    for value in (
        node.get("mostRecentInboxActivityAtMsFromROS"),
        find(newest, "createdAtMs"),
    ):
        if (at := _moment(value)) is not None:
            return at
    return None


def _latest(
    node: Json, own_id: str, people: dict[str, Participant], where: str
) -> Message | None:
    """The newest message as the row shows it; None where it is not understood."""
    for message in _full_messages(node)[-1:]:
        with _set_aside(where, message, []):
            return message_from(message, own_id, people, where)
    return None


def lists_threads(data: Json) -> bool:
    """Does an answer to ViaductInboxData hold any conversation?"""
    try:
        inbox, where = _messaging_inbox(data)
        return bool(items_at(_connection(inbox, where)[0], "edges", where))
    except SiteChanged:
        return False


# A thread


def lacks_messages(data: Json) -> bool:
    """Is this an answer about a thread, but with an empty list of messages?"""
    return bool(find(data, "data.threadData.messageData.messages") == [])


def reading(data: Json, thread_id: str, own_id: str, site_time: datetime) -> Reading:
    """The answer to ViaductGetThreadAndDataQuery about that thread.

    A message that cannot be understood is set aside, and so is a text without content.
    """
    with _errors_told(data):
        node = _thread_data(data)
        where = "data.threadData"
        number = number_of(text_at(node, "id", where), THREAD_TYPE)
        if number != thread_number(thread_id):
            raise SiteChanged(f"the conversation that was asked for, at {where}.id")
        segment = get(node, "messageData", where)
        people, odd_people = participants(node, where)
        items = items_at(segment, "messages", f"{where}.messageData")
        path = f"{where}.messageData.messages"
        messages, odd = _read_messages(items, own_id, people, path)
        _check_most(len(items), odd)
    if own_id not in people or any(m.role == UNLISTED for m in messages):
        odd += odd_people
    return Reading(
        thread=thread_from(node, own_id, where),
        account_id=own_id,
        messages=messages,
        complete=segment.get("hasNewer") == "NO",
        site_time=site_time,
        from_start=segment.get("hasOlder") != "YES",
        odd=tuple(odd),
    )


def _thread_data(data: Json) -> Json:
    frame = find(data, "data")
    node = get(frame, "threadData", "data")
    if node is not None:
        return node
    errors = find(data, "errors")
    if errors and not NOT_THERE.search(json.dumps(errors)):
        raise SiteChanged("data.threadData")
    raise ThreadNotShown("Airbnb does not show this conversation to this account")


def _read_messages(
    items: list[Json], own_id: str, people: dict[str, Participant], where: str
) -> tuple[tuple[Message, ...], list[Odd]]:
    messages: dict[str, Message] = {}
    odd: list[Odd] = []
    empty: list[Odd] = []
    above = 0  # how many of the odd ones stand above a text or an answer
    for number, item in enumerate(items):
        path = f"{where}[{number}]"
        with _set_aside(path, item, odd):
            message = message_from(item, own_id, people, path)
            messages[message.id] = message
            if message.note == WITHOUT_CONTENT:
                empty.append(Odd(f"{path}.hydratedContent.content", item["id"]))
            if message.is_guest_text or message.is_persons_answer:
                above = len(odd)
    odd[above:] = [replace(newest, newest=True) for newest in odd[above:]]
    return tuple(messages.values()), odd + empty


def message_from(
    item: Json, own_id: str, people: dict[str, Participant], where: str
) -> Message:
    account_id = text_at(item, "account.accountId", where)
    account_type = text_at(item, "account.accountType", where)
    person = people.get(account_id)
    role, direction, note = whose(
        account_id, account_type, person.role if person else None, own_id
    )
    kind = _kind(item, account_type, where)
    body = _body(item) if kind == Kind.TEXT else None
    if kind == Kind.TEXT and not (body or "").strip():
        # A voice note is a text without words: nothing that an AI could answer.
        kind, note = Kind.MEDIA, WITHOUT_CONTENT if body is None else note
        body = None
    uuid = item.get("uuid")
    return Message(
        id=_message_number(item, where),
        account_id=account_id,
        sender=person.name if person and person.name else account_id,
        role=role,
        direction=direction,
        kind=kind,
        body=body,
        sent_at=time_at(item, "createdAtMs", where),
        note=note,
        uuid=uuid if isinstance(uuid, str) else None,
    )


def _message_number(item: Json, where: str) -> str:
    number = number_of(text_at(item, "id", where), "Message")
    if number is None:
        raise SiteChanged(f"a Message id at {where}.id")
    return number


def _kind(item: Json, account_type: str, where: str) -> Kind:
    """By content type and account, never by words.

    A USER account also posts cards: alterations, contact cards, claims.
    """
    if item.get("isSoftDelete") or item.get("deletedAtMs"):
        return Kind.DELETED
    if account_type != "USER":
        return Kind.NOTICE
    content_type = text_at(item, "contentType", where)
    if content_type == "TEXT_CONTENT":
        return Kind.TEXT
    return Kind.MEDIA if content_type == "MEDIA_CONTENT" else Kind.CARD


def _body(item: Json) -> str | None:
    """What was written, not its translation; it may come in parts. None: nothing."""
    content = find(item, "hydratedContent.content")
    if isinstance(find(content, "body"), str):
        return str(content["body"])
    parts = find(content, "subMessages")
    bodies = [find(part, "body") for part in parts] if isinstance(parts, list) else []
    return "\n".join(b for b in bodies if isinstance(b, str)) if bodies else None


def names_in(data: Json) -> frozenset[str]:
    """The ids and uuids of the messages that the answer to a send holds.

    What a message quotes (its parent) is not one of them.
    """
    names: set[str] = set()
    if isinstance(data, list):
        for item in data:
            names |= names_in(item)
    elif isinstance(data, dict):
        id_, uuid = data.get("id"), data.get("uuid")
        number = number_of(id_, "Message") if isinstance(id_, str) else None
        names |= {number} if number else set()
        if isinstance(uuid, str) and (number or data.get("__typename") == "Message"):
            names.add(uuid)
        for key, value in data.items():
            if not key.lower().startswith("parent"):
                names |= names_in(value)
    return frozenset(names)
