"""The callback's address: whoever was asked may answer this one turn, for a while.

    http://127.0.0.1:8000/api/ai/webhook-simple?turn=<id>&token=<until>-<HMAC-SHA256>

`until` is the moment, in seconds since 1970 by Airbnb's clock, at which the turn is too
old to be answered. The HMAC is over both, so neither can be changed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC
from datetime import datetime
from urllib.parse import urlencode

from airbot.addresses import CALLBACK_PATH

FORM = re.compile(r"(?:([0-9]{1,11})-)?([0-9a-f]{64})", re.ASCII)


def callback_url(base: str, turn_id: str, until: datetime, key: bytes) -> str:
    query = urlencode({"turn": turn_id, "token": token_of(turn_id, until, key)})
    return f"{base}{CALLBACK_PATH}?{query}"


def token_of(turn_id: str, until: datetime, key: bytes) -> str:
    seconds = str(int(until.timestamp()))
    return f"{seconds}-{_mac(turn_id, seconds, key)}"


def is_token(turn_id: str, token: str, key: bytes) -> bool:
    """Was this token made for that turn? Whether it still counts: see expiry_in."""
    form = FORM.fullmatch(token)
    if form is None:
        return False
    return hmac.compare_digest(_mac(turn_id, form[1], key), form[2])


def expiry_in(token: str) -> datetime | None:
    """Until when a token counts; None for one of airbot 0.1.0, which did not say."""
    seconds, dash, _ = token.partition("-")
    return datetime.fromtimestamp(int(seconds), UTC) if dash else None


def _mac(turn_id: str, seconds: str | None, key: bytes) -> str:
    signed = turn_id if seconds is None else f"{turn_id} {seconds}"
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
