"""Standard Webhooks: three headers by which two that share a secret know each other.

    webhook-id: 6f1c2d9e-0b51-4c1e-9a43-5d2f6c1b7a10     the same on every retry
    webhook-timestamp: 1795343223                        seconds since 1970
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=

The signature is HMAC-SHA256 over `<id>.<timestamp>.<body>`, one for each secret, with
blanks between: that is how a secret is changed without a call being lost. A secret is
`whsec_` and its bytes in base64; any other text is its own bytes.
See github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

PREFIX = "whsec_"
TOLERANCE_S = 300


def secrets_in(setting: str) -> list[str]:
    """The secrets of a setting: the one, or `whsec_` ones with blanks between them."""
    words = setting.split()
    several = all(word.startswith(PREFIX) for word in words)
    return words if several else [setting]


def signature_headers(
    setting: str, call_id: str, body: bytes, now: datetime
) -> dict[str, str]:
    seconds = str(int(now.timestamp()))
    return {
        "webhook-id": call_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signatures(setting, call_id, seconds, body)),
    }


def is_signed(
    setting: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> bool:
    """Does one of the signatures fit one of our secrets, and is it fresh?"""
    call_id = headers.get("webhook-id", "")
    seconds = headers.get("webhook-timestamp", "")
    if not call_id or not seconds.isascii() or not seconds.isdigit():
        return False
    if len(seconds) > 11 or abs(int(seconds) - now.timestamp()) > TOLERANCE_S:
        return False
    given = headers.get("webhook-signature", "").split(" ")
    wanted = _signatures(setting, call_id, seconds, body)
    # All of them are compared, so that the time tells nothing.
    fits = [hmac.compare_digest(w.encode(), g.encode()) for w in wanted for g in given]
    return any(fits)


def _signatures(setting: str, call_id: str, seconds: str, body: bytes) -> list[str]:
    signed = f"{call_id}.{seconds}.".encode() + body
    macs = (hmac.digest(_key(s), signed, hashlib.sha256) for s in secrets_in(setting))
    return [f"v1,{base64.b64encode(mac).decode()}" for mac in macs]


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    text = secret.removeprefix(PREFIX)
    return base64.b64decode(text + "=" * (-len(text) % 4))
