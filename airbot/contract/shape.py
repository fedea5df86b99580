"""What a 2xx held that is no answer, in words: its form and its keys, never its text.

Whoever wired the AI sees from it what to mend: a workflow that answers before it has
run, a model's own JSON that nobody put into airbot's form, a page of a login.
"""

from __future__ import annotations

import json
import re

MOST_KEYS = 5
KEY = re.compile(r"[\w.$-]{1,30}")
FENCE = re.compile(r"\s*```\w*\s*(.*?)\s*```\s*", re.DOTALL)
EVENTS = re.compile(r"\s*(?:event|data|id|retry|):")
PAGE = re.compile(r"\s*(?:<!doctype|<html|<head|<body)", re.IGNORECASE)


def shape_of(body: bytes | None, content_type: str = "") -> str:
    """Such as `the keys text, id`; None is a body that was too large to be read."""
    if body is None:
        return "more than 1 MB"
    text = body.decode("utf-8", errors="replace")
    if not text.strip():
        return "an empty body"
    if (said := _json_in(text)) is not None:
        return _of_json(said[0])
    fenced = FENCE.fullmatch(text)
    if fenced and (said := _json_in(fenced[1])) is not None:
        return f"{_of_json(said[0])}, inside a code fence (```)"
    if "event-stream" in content_type.lower() or EVENTS.match(text):
        return "a stream of events (SSE): turn streaming off"
    if "html" in content_type.lower() or PAGE.match(text):
        return "an HTML page"
    return "text that is not JSON"


def _json_in(text: str) -> tuple[object] | None:
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def _of_json(said: object) -> str:
    if isinstance(said, dict):
        return _keys(said) if said else "an empty JSON object"
    if isinstance(said, list):
        first = said[0] if said else None
        inside = f", the first with {_keys(first)}" if isinstance(first, dict) else ""
        return f"a JSON list of {len(said)}{inside}"
    kinds = {str: "text", bool: "true or false", type(None): "null"}
    return f"JSON that is {kinds.get(type(said), 'a number')} alone"


def _keys(said: dict[str, object]) -> str:
    names = [key if KEY.fullmatch(key) else "…" for key in said]
    more = ", …" if len(names) > MOST_KEYS else ""
    return f"the keys {', '.join(names[:MOST_KEYS])}{more}"
