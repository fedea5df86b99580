"""The content of a message as Airbnb's JSON has it: text, photo, voice, card, notice.

Facts: airbnb-web.md of 2026-11, the table of content types in 3.5. A card is posted by
a USER account like a text: only the content type tells them apart. The items of a voice
note are not attested.
"""

from __future__ import annotations

import re
from typing import Any

from airbot.sandbox.world import Message
from airbot.sandbox.world import global_id

Json = dict[str, Any]

_PREVIEW_CHARS = 60  # how long the real preview is, is not known

_HIDDEN = (
    (re.compile(r"[\w.+-]+@[\w-]+\.\w[\w.]*"), "(Email hidden by Airbnb)"),
    (re.compile(r"https?://\S+|www\.\S+"), "(Website hidden by Airbnb)"),
    (re.compile(r"\+?\d[\d ().-]{6,}\d"), "(Phone number hidden by Airbnb)"),
)


def hidden(text: str, placeholder: str | None = None) -> str:
    """The text with `placeholder` in place of each contact detail."""
    for pattern, english in _HIDDEN:
        text = (placeholder or english).join(pattern.split(text))
    return text


def rewritten(text: str, placeholder: str | None = None) -> str:
    """The same, or without its last word when it has no contact details."""
    less = hidden(text, placeholder)
    if less != text:
        return less
    return (placeholder or "(Hidden by Airbnb)").join(re.split(r"\S+\s*$", text))


def changed(text: str, trouble: str | int | None, placeholder: str | None) -> str:
    """What the site makes of a text that is sent, by the trouble of the send."""
    if trouble == "rewrite":
        return rewritten(text, placeholder)
    return hidden(text, placeholder) if trouble == "hide" else text


def contact_terms(text: str) -> list[str]:
    """What a refusal asks the writer to remove."""
    return [found for pattern, _ in _HIDDEN for found in pattern.findall(text)]


def message_kind(message: Message) -> tuple[str, str | None]:
    """contentType and contentSubType."""
    if message.kind == "text":
        return "TEXT_CONTENT", None
    if message.kind in ("photo", "voice"):
        return "MEDIA_CONTENT", None
    if message.kind == "card" and (message.subtype or "").endswith("_PENDING"):
        return "TEMPLATE_CONTENT", message.subtype
    return "VIEWER_BASED_CONTENT", message.subtype


def content_preview(message: Message) -> str:
    if message.deleted:
        return "Message unsent"
    if message.kind == "photo":
        return "Sent a photo"
    if message.kind == "voice":
        return "Sent a voice message"
    return " ".join(message.text.split())[:_PREVIEW_CHARS]


def hydrated_content(message: Message) -> Json:
    kind, content = _CONTENT[message.kind](message)
    return {
        "__typename": "RichMessage",
        "contentType": kind,
        "content": content,
        "captionText": None,
        "suggestionConfig": None,
        "loggingExtras": None,
        "plainText": None,
    }


def _rich_text(body: str) -> Json:
    return {"__typename": "MessagingRichText", "body": body, "bodyTranslated": None}


def _text(message: Message) -> tuple[str, Json]:
    return "TEXT", _rich_text(message.text)


def _photo(message: Message) -> tuple[str, Json]:
    image = {
        "__typename": "ImageEntity",
        "id": global_id("ImageEntity", message.id[-10:]),
        "uri": "https://example.com/photo.jpg",
        "assetMetadata": {
            "__typename": "ImageAssetMetadata",
            "originalHeight": 4032,
            "originalWidth": 3024,
        },
    }
    return "MEDIA", {"__typename": "Media", "mediaItems": [image]}


def _voice(message: Message) -> tuple[str, Json]:
    audio = {
        "__typename": "AudioEntity",
        "id": global_id("AudioEntity", message.id[-10:]),
        "uri": "https://example.com/voice.m4a",
        "assetMetadata": {"__typename": "AudioAssetMetadata", "durationMs": 4200},
    }
    return "MEDIA", {"__typename": "Media", "mediaItems": [audio]}


def _notice(message: Message) -> tuple[str, Json]:
    thread = message.thread
    return "BULLETIN", {
        "__typename": "Bulletin",
        "body": message.text,
        "linkText": "Show reservation",
        "linkAction": None,
        "linkMessagingAction": {
            "__typename": "HomesHostOpenReservationDetailsAction",
            "loggingData": None,
            "url": f"https://example.com/hosting/reservations/details/{thread.code}",
            "urlNewWindowPreference": None,
            "confirmationCodeMA": thread.code,
            "threadId": thread.number,
            "isPending": None,
        },
    }


def _card(message: Message) -> tuple[str, Json]:
    header: Json = {
        "__typename": "MessagingActionCardHeader",
        "kicker": _rich_text("Reservation"),
        "title": _rich_text(message.text),
        "subtitle": None,
        "trailingImagery": None,
        "leadingImagery": None,
    }
    tombstone = message_kind(message)[0] == "TEMPLATE_CONTENT"
    if tombstone:
        header = {
            "__typename": "MessagingActionCardTombstoneHeader",
            "title": _rich_text(message.text),
            "kicker": _rich_text("Reservation"),
            "trailingImagery": None,
        }
    return "MESSAGING_DLS_ACTION_CARD", {
        "__typename": "MessagingDLSActionCardV1",
        "accessibilityTextNonNull": message.text,
        "loggingReferenceType": None,
        "imageryV1": None,
        "headerV2": {
            "__typename": "MessagingActionCardHeaderWrapperV2",
            "actionHeader": None if tombstone else header,
            "tombstoneHeader": header if tombstone else None,
        },
        "subHeadersV2": None,
        "actionPanel": None if tombstone else _panel(message),
        "dismissScenarios": None,
    }


def _panel(message: Message) -> Json:
    button = {
        "__typename": "MessagingButton",
        "text": "Show reservation",
        "type": "SECONDARY",
        "disabled": False,
        "leadingIcon": None,
        "action": None,
        "messagingAction": None,
    }
    return {
        "__typename": "MessagingButtonPanel",
        "type": "FULL_WIDTH",
        "buttons": [button],
    }


_CONTENT = {
    "text": _text,
    "photo": _photo,
    "voice": _voice,
    "card": _card,
    "notice": _notice,
}
