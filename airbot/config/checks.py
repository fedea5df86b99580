"""What is wrong between settings that are right one by one: values in, words out."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from airbot.addresses import CALLBACK_PATH
from airbot.addresses import http_address
from airbot.addresses import is_local
from airbot.addresses import place_of


class Rule(NamedTuple):
    """`sentence` follows the first of `names`, whose values it may show."""

    names: tuple[str, ...]
    is_broken: Callable[..., bool]
    sentence: str


def _is_own_webhook(ai: str, host: str, port: int, public_url: str) -> bool:
    ours = {place_of(http_address(host, port) + CALLBACK_PATH)}
    if public_url:
        ours.add(place_of(public_url + CALLBACK_PATH))
    return place_of(ai) in ours


def _is_sealed(address: str) -> bool:
    return address.startswith("https:") or is_local(address)


RULES = (
    Rule(
        ("ai.webhook_url", "webhook.host", "webhook.port", "webhook.public_url"),
        _is_own_webhook,
        "is the address at which airbot itself takes answers: put your AI's there",
    ),
    Rule(
        ("ai.timeout_sec", "ai.answer_within_sec"),
        lambda timeout, within: bool(timeout > within),
        "is {}, above ai.answer_within_sec ({}): a question would be asked again while"
        " its call still runs",
    ),
    Rule(
        ("send.settle_sec",),
        lambda settle: bool(settle < 5),
        "is {}, under 5: a reply that Airbnb shows a little late would be sent twice",
    ),
    Rule(
        ("reconnect.public_url",),
        lambda address: bool(address) and not _is_sealed(address),
        "is another machine's, without https: whoever reads the network would have the"
        " account",
    ),
    Rule(
        ("storage.keep_days", "sync.max_age_hours"),
        lambda days, hours: bool(days * 24 <= hours),
        "is {} days, not more than sync.max_age_hours ({} h): a message would be"
        " forgotten while it may still be answered",
    ),
)


def broken_rules(
    values: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys at fault, and what is wrong with the first of them, among the `values`
    that are known."""
    for rule in RULES:
        if all(name in values for name in rule.names):
            of_rule = [values[name] for name in rule.names]
            if rule.is_broken(*of_rule):
                yield rule.names, rule.sentence.format(*of_rule)
