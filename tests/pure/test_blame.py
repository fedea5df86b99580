"""policy/blame: is it one conversation's trouble, or the site's?"""

from __future__ import annotations

import pytest

from airbot.policy.blame import TRIED_ELSEWHERE
from airbot.policy.blame import Blame

# Whose trouble is it?


def blamed(*steps: str, elsewhere: str = "rest") -> list[bool]:
    """`a` fails, `+a` works; whether the site is blamed, each time."""
    blame, told = Blame(), []
    for step in steps:
        if step.startswith("+"):
            blame.worked("type", step[1:])
            continue
        others = elsewhere.split()
        works = lambda _, id_: id_ == "well"  # noqa: E731
        told.append(blame.is_the_sites("type", step, others, works))
    return told


@pytest.mark.parametrize(
    ("steps", "elsewhere", "told"),
    [
        ("a", "rest", [False]),
        ("a a a a", "rest", [False] * 4),
        ("a b", "rest", [False, True]),
        ("a b", "well", [False, False]),
        ("a b", "rest well", [False, False]),
        ("a b", "a b", [False, True]),
        ("a b", "x y z well", [False, True]),
        ("a +c b", "rest", [False, False]),
        ("a +c b c", "rest", [False, False, True]),
        ("a +c a b", "rest", [False, False, False]),
        ("a +a a b", "rest", [False, False, True]),
        ("a b a b", "rest", [False, True, True, True]),
        ("a b a b c", "", [False, True, False, False, False]),
        ("a b a b c d", "", [False, True, False, False, False, True]),
    ],
)
def test_the_site_is_blamed_when_a_step_works_nowhere(
    steps: str, elsewhere: str, told: list[bool]
) -> None:
    assert blamed(*steps.split(), elsewhere=elsewhere) == told


def test_steps_are_judged_apart_and_few_conversations_are_tried() -> None:
    blame, tried = Blame(), []

    def works(step: str, thread_id: str) -> bool:
        tried.append(thread_id)
        return False

    assert not blame.is_the_sites("read", "a", "", works)
    assert not blame.is_the_sites("type", "b", "", works)
    assert blame.is_the_sites("read", "b", "cdcefgh", works)
    assert tried == ["c", "d", "e"] and len(tried) == TRIED_ELSEWHERE
