"""A message as Airbnb's JSON has it: in the list's preview, in a thread, after a send.

Content is in content.py. Facts: airbnb-web.md of 2026-11, section 3.5, and the captures
of April 2026: numbers are strings, unsent messages have no content.
"""

from __future__ import annotations

import hashlib
from typing import Any

from airbot.sandbox.content import content_preview
from airbot.sandbox.content import hydrated_content
from airbot.sandbox.content import message_kind
from airbot.sandbox.world import Account
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.sandbox.world import global_id

Json = dict[str, Any]


def sync_cursor(number: str) -> str:
    """A 19-digit string, the same for the same number."""
    digest = hashlib.sha256(number.encode()).digest()
    return str(1_600_000_000_000_000_000 + int.from_bytes(digest[:7], "big"))


def segment(messages: list[Message], older: bool, newer: bool = False) -> Json:
    ids: list[str | None] = [message.id for message in messages] or [None]
    cursors: list[str | None] = [sync_cursor(m.id) for m in messages] or [None]
    return {
        "__typename": "MessagesSegment",
        "messages": [message_node(message) for message in messages],
        "expandedMessagesSegment": {
            "__typename": "ThreadMessagesSegment",
            "earliestMessageId": ids[0],
            "latestMessageId": ids[-1],
        },
        "expandedCursorsSegment": {
            "__typename": "ThreadCursorsSegment",
            "earliestCursor": cursors[0],
            "latestCursor": cursors[-1],
        },
        "upToDate": False,
        "hasOlder": "YES" if older else "NO",
        "hasNewer": "YES" if newer else "NO",
    }


def _account(account: Account) -> Json:
    return {
        "__typename": "ParticipantAccount",
        "accountId": account.id,
        "accountType": account.type,
    }


def _text_or_null(number: int | None) -> str | None:
    return None if number is None else str(number)


def preview_node(message: Message) -> Json:
    return {
        "__typename": "Message",
        "id": global_id("Message", message.id),
        "uuid": message.uuid,
        "createdAtMs": str(message.created_at_ms),
        "updatedAtMs": str(message.updated_at_ms),
        "deletedAtMs": _text_or_null(message.deleted_at_ms),
        "isSoftDelete": True if message.deleted else None,
        "account": _account(message.account),
        "contentPreview": {
            "__typename": "MessageContentPreview",
            "translatedContent": None,
            "content": content_preview(message),
        },
    }


def message_node(message: Message) -> Json:
    content_type, subtype = message_kind(message)
    return {
        "__typename": "Message",
        "uuid": message.uuid,
        "threadId": message.thread.number,
        "id": global_id("Message", message.id),
        "opaqueId": f"$1${message.id}${message.created_at_ms}",
        "correlationIdentifier": None,
        "contentType": content_type,
        "contentSubType": subtype,
        "hydratedContent": None if message.deleted else hydrated_content(message),
        "account": _account(message.account),
        "captionType": None,
        "userFlagByViewer": {
            "__typename": "MessageUserFlag",
            "flagId": None,
            "redacted": None,
        },
        "updatedAtMs": str(message.updated_at_ms),
        "createdAtMs": str(message.created_at_ms),
        "deletedAtMs": _text_or_null(message.deleted_at_ms),
        "editedAtMs": _text_or_null(message.edited_at_ms),
        "isSoftDelete": True if message.deleted else None,
        "localClientData": None,
        "syncCursor": sync_cursor(message.id),
        "contextualConfig": _menu(message),
        "reactionSummary": _reactions(message),
        "parentMessageId": None,
        "senderInfoOverride": None,
    }


def _menu(message: Message) -> Json:
    reply = {
        "__typename": "ContextualConfigMenuItem",
        "showIf": None,
        "icon": {
            "__typename": "MessagingIcon",
            "name": "REPLY32",
            "accessibilityText": "Reply",
        },
        "text": {"__typename": "I18nText", "localizedString": "Reply"},
        "messagingAction": {
            "__typename": "MessagingReplyToMessageAction",
            "loggingData": {
                "__typename": "LoggingEventData",
                "eventData": {
                    "message_id": message.id,
                    "thread_id": message.thread.number,
                },
                "eventDataSchemaName": "Messaging.v1.MessageData",
                "loggingId": "messaging.thread.message.reply",
            },
            "url": "",
            "urlNewWindowPreference": None,
        },
    }
    section = {"__typename": "ContextualConfigMenuSection", "items": [reply]}
    return {
        "__typename": "MessageContextualConfig",
        "menuSections": [section] if message.kind == "text" else [],
        "showReactionsTray": message.kind != "notice" and not message.deleted,
    }


def _reaction(message: Message, index: int) -> Json:
    reaction = message.reactions[index]
    preview = f"Reacted {reaction.emoji} to: {content_preview(message)}"
    return {
        "__typename": "MessageReaction",
        "creator": _account(reaction.account),
        "emoji": reaction.emoji,
        "updatedAtMs": str(reaction.at_ms),
        "reactionPreview": {
            "__typename": "ReactionPreview",
            "previewContent": preview,
            "previewContentWithAutoTranslatedUGC": preview,
        },
    }


def last_reaction(thread: Thread) -> Json | None:
    reacted = [message for message in thread.messages if message.reactions]
    if not reacted:
        return None
    return _reaction(max(reacted, key=lambda m: m.reactions[-1].at_ms), -1)


def _reactions(message: Message) -> Json:
    emojis = [reaction.emoji for reaction in message.reactions]
    return {
        "__typename": "ReactionSummary",
        "modalData": [_reaction(message, i) for i in range(len(emojis))],
        "reactionByCurrentAccount": None,
        "reactionCounts": [
            {
                "__typename": "ReactionCount",
                "count": emojis.count(emoji),
                "emoji": emoji,
            }
            for emoji in dict.fromkeys(emojis)
        ],
        "deletedReactions": [],
        "syncCursor": sync_cursor(message.id),
    }
