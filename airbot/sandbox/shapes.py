"""World -> JSON as Airbnb's web answers it: the list and the thread.

Messages are in messages.py. Facts: airbnb-web.md of 2026-11, sections 3.4 and 3.5, and
the captures of April 2026: numbers are strings, ids are base64 of "Type:number".
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from airbot.sandbox.messages import last_reaction
from airbot.sandbox.messages import preview_node
from airbot.sandbox.messages import segment
from airbot.sandbox.trouble import HeldBack
from airbot.sandbox.world import ROLES
from airbot.sandbox.world import Account
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.sandbox.world import World
from airbot.sandbox.world import global_id

Json = dict[str, Any]

_HIGHLIGHTED = ("CURRENTLY_HOSTING", "UPCOMING_RESERVATIONS")
_CONNECTION = "MessagingInboxToMessageThreadsConnection"


def enveloped(data: Any, errors: list[Json] | None = None) -> Json:
    answer = {"data": data, "extensions": {"traceId": uuid.uuid4().hex}}
    return {"errors": errors, **answer} if errors else answer


def failed(field: str, whole: bool) -> Json:
    """A 200 of a GraphQL outage: errors, and no data or the field as null."""
    error = {
        "message": "Internal Server Error",
        "path": [field],
        "extensions": {"classification": "DataFetchingException"},
    }
    return enveloped(None if whole else {field: None}, [error])


# -- the list -----------------------------------------------------------------


def inbox(
    world: World,
    shape: str,
    rows: int,
    priority_rows: int,
    start: int = 0,
    unread_only: bool = False,
) -> Json:
    """One page of the list; `start` is the rank that the cursor named."""
    with world.lock:
        threads = world.inbox(unread_only)
        priority = world.priority(priority_rows)
        page = threads[start : start + rows]
        more = start + rows < len(threads)
        items = _connection(world, page, priority, start, more)
        inbox_json: Json = {
            "__typename": "MessagingInbox",
            "id": global_id("MessagingInbox", world.host.id),
        }
        viewer: Json = {
            "__typename": "Viewer",
            "id": global_id("Viewer", world.host.id),
            "messagingInbox": inbox_json,
        }
        if shape == "threads":
            inbox_json["threads"] = items
            return enveloped({"viewer": viewer})
        inbox_json["priorityItems"] = _connection(world, priority, priority, 0, True)
        inbox_json["inboxItems"] = items
        return enveloped({"node": viewer})


def _connection(
    world: World, threads: list[Thread], priority: list[Thread], start: int, more: bool
) -> Json:
    return {
        "__typename": _CONNECTION,
        "edges": [
            {
                "__typename": "MessagingInboxToMessageThreadEdge",
                "node": list_node(world, thread, thread in priority),
            }
            for thread in threads
        ],
        "pageInfo": {
            "__typename": "InboxPageInfo",
            "footer": None,
            "startCursor": _cursor("FORWARDS", threads, start),
            "endCursor": _cursor("BACKWARDS", threads, start),
            "hasNextPage": more,
            "hasPreviousPage": start > 0,
            "initialLoad": False,
        },
    }


def _cursor(direction: str, threads: list[Thread], start: int) -> str | None:
    if not threads:
        return None
    times = [thread.sort_key() / 1000 for thread in threads]
    cursor = {
        "syncToken": None,
        "direction": direction,
        "newestMostRecentMessageAt": times[0],
        "oldestMostRecentMessageAt": times[-1],
        "newestUpdatedAt": times[0],
        "searchId": None,
        "nextPageStartingRank": start + len(threads),
        "version": 1,
    }
    text = json.dumps(cursor, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


def rank_of(cursor: str | None) -> int:
    """The place in the list where the page after this cursor starts."""
    if not cursor:
        return 0
    return int(json.loads(base64.b64decode(cursor))["nextPageStartingRank"])


# -- a thread -----------------------------------------------------------------


def list_node(world: World, thread: Thread, priority: bool) -> Json:
    """A row of the list: the thread with its newest message only."""
    return _thread_node(world, thread, priority, thread.in_order())


def thread_answer(
    world: World, thread: Thread, limit: int, held: HeldBack | None
) -> Json:
    """The thread with its last `limit` messages, but for those that are held back."""
    with world.lock:
        messages = thread.in_order()
        lacking = _withheld(world, messages, limit, held) if held else []
        there = [message for message in messages if message not in lacking]
        priority = _is_priority(world, thread)
        node = _thread_node(world, thread, priority, there or messages)
        newer = bool(held and held.has_newer)
        node["messageData"] = segment(there[-limit:], len(there) > limit, newer)
        return enveloped({"threadData": node})


def thread_not_found() -> Json:
    error = {"message": "Thread not found", "path": ["threadData"]}
    return enveloped({"threadData": None}, [error])


def _withheld(
    world: World, messages: list[Message], limit: int, held: HeldBack
) -> list[Message]:
    chosen = messages
    if held.of == "middle":
        chosen = messages[-limit:][1:-1]
    elif held.of in ("host", "guest"):
        by_host = held.of == "host"
        chosen = [m for m in messages if (m.account == world.host) is by_host]
    return chosen if held.newest is None else chosen[::-1][: held.newest]


def _is_priority(world: World, thread: Thread) -> bool:
    return thread in world.priority(2)


def _thread_node(
    world: World, thread: Thread, priority: bool, messages: list[Message]
) -> Json:
    """As in the list: with the newest of these messages only."""
    description = _standard_text(_description(thread))
    return {
        "__typename": "MessageThread",
        "id": thread.id,
        "messageThreadType": thread.type,
        "localizationData": {
            "__typename": "MessageThreadLocalizationData",
            "autoTranslateLocale": "en",
            "isThreadAutoTranslateEnabled": True,
            "isThreadTranslationEligible": True,
        },
        "userThreadTags": _tags(thread, priority),
        "inboxTitle": _standard_text(title(world, thread)),
        "inboxDescription": description,
        "priority": {"__typename": "ThreadPriority", "title": description},
        "inboxListingImageUrl": "https://example.com/listing.jpg",
        "inboxProfileImages": [
            {
                "__typename": "InboxProfileImage",
                "image": {
                    "__typename": "InboxImage",
                    "iconName": None,
                    "accessibilityText": title(world, thread),
                    "sourceUrl": "https://example.com/profile.jpg",
                },
            }
        ],
        "inboxChips": _chips(thread),
        "inboxAccessibilityTemplateText": f"Conversation with {title(world, thread)}",
        # POSITIVE is not "unread": it marks current and coming stays
        "inboxItemHighlight": "POSITIVE" if thread.stage in _HIGHLIGHTED else None,
        "mostRecentInboxActivityAtMsFromROS": str(thread.sort_key()),
        "inboxVisibility": "VISIBLE",
        "participants": {
            "__typename": "MessageThreadToMessageThreadParticipantsV2Connection",
            "edges": [
                {
                    "__typename": "MessageThreadToMessageThreadParticipantsV2Edge",
                    "node": _participant(account, role),
                }
                for account, role in thread.participants
            ],
        },
        "messages": {
            "__typename": "MessageThreadToMessagesConnection",
            "edges": [
                {"__typename": "MessageThreadToMessagesEdge", "node": preview_node(m)}
                for m in messages[-1:]
            ],
        },
        "lastReactionV2": last_reaction(thread),
        "messageData": segment(messages[-1:], len(messages) > 1),
    }


def title(world: World, thread: Thread) -> str:
    """The other people's names, guests first: "Marta, Kenji"."""
    people = thread.with_role("GUEST", "COTRAVELER") if thread.hosted else []
    people = people or thread.with_role("HOST", "CO_HOST")
    return ", ".join(a.name for a in people if a != world.host) or "Airbnb"


def _description(thread: Thread) -> str:
    parts = [thread.status, thread.dates, thread.listing]
    return "\u2009·\u2009".join(part for part in parts if part)


def _standard_text(text: str) -> Json:
    part = {"__typename": "StandardTextComponent", "text": text, "type": None}
    return {
        "__typename": "StandardText",
        "components": [part],
        "accessibilityText": text,
    }


def _tags(thread: Thread, priority: bool) -> list[Json]:
    tags: list[tuple[str, list[str]]] = []
    if thread.unread:
        tags.append(("unread", []))
    if thread.hosted and thread.type == "HOME_BOOKING":
        tags.append(("stay_listing_ids", [thread.listing_id]))
    if thread.type == "HOME_BOOKING":
        tags.append(("trip_stages", [thread.stage]))
    if priority:
        tags.append(("priority", []))
    if thread.hosted:
        tags.append(("hosting", []))
    return [
        {
            "__typename": "UserThreadTag",
            "additionalValues": values,
            "userThreadTagName": name,
        }
        for name, values in tags
    ]


def _chips(thread: Thread) -> list[Json]:
    if thread.stage != "PAST_RESERVATIONS" or not thread.hosted:
        return []
    action = {
        "__typename": "StandardActionData",
        "parameters": {"url": "https://example.com/review"},
        "type": "stay_host_write_review",
        "url": "https://example.com/review",
        "urlNewWindowPreference": None,
        "loggingEventData": None,
    }
    kind = "stayReservationHostReviewChip"
    return [
        {
            "__typename": "ThreadViewChip",
            "title": "Leave a review",
            "iconURL": "https://example.com/icon.jpg",
            "icon": None,
            "action": action,
            "id": f"Thread {thread.number} {kind}",
            "renderingType": "STANDARD",
            "chipType": kind,
        }
    ]


def _participant(account: Account, role: str) -> Json:
    product, description, logging_number = ROLES[role]
    picture = "https://example.com/profile.jpg"
    contextual = str(1_400_000_000_000_000_000 + int(account.id))
    return {
        "__typename": "UserMessageThreadParticipantV2",
        "accountId": account.id,
        "accountType": account.type,
        "participantRole": role,
        "userRoleForLogging": logging_number,
        "status": "ACTIVE",
        "roleDescription": description,
        "isRealUser": True,
        "enrichedParticipantInfo": {
            "__typename": "EnrichedParticipantInfo",
            "name": account.name,
            "threadDisplayName": account.name,
            "userProfilePicture": {
                "__typename": "UserProfilePicture",
                "thumbnailUrlMedium": picture,
            },
            "userProfileIcon": None,
        },
        "productRole": product,
        "contextualUser": {
            "__typename": "ContextualUser",
            "id": global_id("ContextualUser", contextual),
        },
    }
