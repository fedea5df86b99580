"""Answers of Airbnb as they were captured, without names and words of real people."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from typing import Any

from airbot.airbnb import shapes
from airbot.models import InboxPage
from airbot.models import Message
from airbot.models import Reading
from airbot.models import Thread

NOW = datetime(2026, 11, 22, 10, 27, tzinfo=UTC)
OWN, GUEST, FRIEND, COHOST, STRANGER = "1001", "2002", "2003", "3003", "4004"

HOME = "https://www.airbnb.com"
AT_MS = 1_777_155_446_059
Json = dict[str, Any]


def b64(kind: str, number: str) -> str:
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


THREAD_ID = b64("MessageThread", "2470000001")


def text_item(
    number: str,
    account_id: str = GUEST,
    body: str = "Hi!\nIs parking free?",
    **changed: Any,
) -> Json:
    item = {
        "__typename": "Message",
        "id": b64("Message", number),
        "threadId": "2470000001",
        "contentType": "TEXT_CONTENT",
        "contentSubType": None,
        "hydratedContent": {
            "contentType": "TEXT",
            "content": {"body": body, "bodyTranslated": "Salut !"},
        },
        "account": {"accountId": account_id, "accountType": "USER"},
        "createdAtMs": str(AT_MS + int(number) % 1000),
        "updatedAtMs": str(AT_MS),
        "deletedAtMs": None,
        "isSoftDelete": None,
    }
    return {**item, **changed}


def card_item(number: str, account_id: str, kind: str, subtype: str | None) -> Json:
    content = {
        "contentType": "MESSAGING_DLS_ACTION_CARD",
        "content": {"headerV2": None},
    }
    return text_item(
        number,
        account_id,
        contentType=kind,
        contentSubType=subtype,
        hydratedContent=content,
    )


def person(account_id: str, role: str, name: str | None) -> Json:
    node = {"accountId": account_id, "accountType": "USER", "participantRole": role}
    return {"node": {**node, "enrichedParticipantInfo": {"name": name}}}


def tag(name: str, *values: str) -> Json:
    return {"userThreadTagName": name, "additionalValues": list(values)}


def node(
    number: str = "2470000001", messages: Sequence[Json | None] | None = None
) -> Json:
    messages = [text_item("30521819078")] if messages is None else messages
    return {
        "__typename": "MessageThread",
        "id": b64("MessageThread", number),
        "messageThreadType": "HOME_BOOKING",
        "userThreadTags": [
            tag("unread"),
            tag("stay_listing_ids", "1200000000000000001"),
            tag("trip_stages", "UPCOMING_RESERVATIONS"),
        ],
        "inboxTitle": {
            "components": [{"text": "Marta", "type": None}, {"text": ", Kenji"}]
        },
        "inboxDescription": {"components": [{"text": "Confirmed · May 7 – 10"}]},
        "mostRecentInboxActivityAtMsFromROS": "1777155645510",
        "participants": {
            "edges": [
                person(GUEST, "GUEST", "Marta"),
                person(OWN, "HOST", "Nora"),
                person(FRIEND, "COTRAVELER", "Kenji"),
                person(COHOST, "CO_HOST", None),
            ]
        },
        "messages": {"edges": [{"node": m} for m in messages[-1:]]},
        "messageData": {"messages": messages, "hasOlder": "NO", "hasNewer": "NO"},
    }


def connection(nodes: Sequence[Json | None], cursor: str | None = None) -> Json:
    page = {"endCursor": cursor or "unused", "hasNextPage": cursor is not None}
    return {"edges": [{"node": n} for n in nodes], "pageInfo": page}


def inbox_answer(*nodes: Json | None, cursor: str | None = None) -> Json:
    inbox = {
        "priorityItems": connection(list(nodes[:1])),
        "inboxItems": connection(list(nodes), cursor),
    }
    viewer = {"__typename": "Viewer", "id": b64("Viewer", OWN), "messagingInbox": inbox}
    return {"data": {"node": viewer}, "extensions": {"traceId": "x"}}


def thread_answer(*messages: Json | None) -> Json:
    return {"data": {"threadData": node(messages=list(messages))}}


def inbox_page(data: Json, asked_as: str | None = None) -> InboxPage:
    return shapes.inbox_page(data, asked_as, NOW)


def row(**changed: Any) -> Thread:
    return inbox_page(inbox_answer({**node(), **changed})).threads[0]


def read(data: Json) -> Reading:
    return shapes.reading(data, THREAD_ID, OWN, NOW)


def read_one(item: Json) -> Message:
    return read(thread_answer(item)).messages[0]


def without(data: Json, *path: Any) -> Json:
    """A copy of an answer in which one node is missing."""
    data = copy.deepcopy(data)
    parent: Any = data
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    return data


def changed(data: Json, path: tuple[Any, ...], value: Any) -> Json:
    """A copy of an answer in which one node is another."""
    data = copy.deepcopy(data)
    parent: Any = data
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = copy.deepcopy(value)
    return data


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every node of an answer."""
    found = [here] if here else []
    items: Any = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, child in items:
        found += paths(child, (*here, key))
    return found


INBOX = inbox_answer(node(), node("2470000002"), cursor="abc")
THREAD = thread_answer(
    text_item("1"),
    text_item("2", OWN),
    card_item("3", GUEST, "TEMPLATE_CONTENT", "X"),
    text_item("4", hydratedContent={"content": {"subMessages": [{"body": "a"}]}}),
)
