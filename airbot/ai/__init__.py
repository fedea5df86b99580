"""The host's AI: what it is asked, how it is called, what it may say.

The only room that calls out, and the one that knows what the AI and airbot show each
other: the token in the callback's address, the shared secret, the signature.

    asking.py   the question's JSON, and what each kind of answer means
    wire.py     one POST: one deadline, one size, no redirect, no proxy
    tokens.py   the callback's address, a capability for one turn
    signing.py  Standard Webhooks, there and back
    text.py     what an answer must be, whichever way it came
"""

from __future__ import annotations

from airbot.ai.asking import AI
from airbot.ai.asking import AIAnswer
from airbot.ai.asking import answer_in
from airbot.ai.asking import payload
from airbot.ai.signing import is_signed
from airbot.ai.signing import secrets_in
from airbot.ai.signing import signature_headers
from airbot.ai.text import UNSEEN
from airbot.ai.text import Clean
from airbot.ai.text import ReplyRefused
from airbot.ai.text import clean_reply
from airbot.ai.tokens import CALLBACK_PATH
from airbot.ai.tokens import callback_url
from airbot.ai.tokens import expiry_in
from airbot.ai.tokens import is_token
from airbot.ai.tokens import token_of
from airbot.ai.wire import MAX_ANSWER_BYTES

__all__ = [
    "AI",
    "CALLBACK_PATH",
    "MAX_ANSWER_BYTES",
    "UNSEEN",
    "AIAnswer",
    "Clean",
    "ReplyRefused",
    "answer_in",
    "callback_url",
    "clean_reply",
    "expiry_in",
    "is_signed",
    "is_token",
    "payload",
    "secrets_in",
    "signature_headers",
    "token_of",
]
