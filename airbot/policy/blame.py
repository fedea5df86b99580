"""Whose trouble is it: one conversation's, or the site's?

A step that fails in a conversation is that conversation's trouble: it is counted, put
back and in the end named to a person, and the next guest is served. It may be the
site's when the same step fails in two conversations in a row and has worked in none
since; a conversation in which it failed before does not count as the second. Then
airbot tries the step where nobody waits, before it shuts the site for everybody: two
guests who have left Airbnb are ordinary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable


class Blame:
    """What has failed in a row, by step ("read", "type"...); forgotten at a restart."""

    def __init__(self) -> None:
        self._in_a_row: dict[str, set[str]] = defaultdict(set)
        self._before: dict[str, set[str]] = defaultdict(set)

    def worked(self, step: str) -> None:
        """It has worked in a conversation: whatever failed before is that one's own."""
        self._in_a_row[step].clear()

    def is_the_sites(
        self, step: str, thread_id: str, works_elsewhere: Callable[[], bool]
    ) -> bool:
        """It has failed in that conversation: is the site to blame?"""
        if thread_id not in self._before[step]:
            self._before[step].add(thread_id)
            self._in_a_row[step].add(thread_id)
        if len(self._in_a_row[step]) < 2:
            return False
        if works_elsewhere():
            self.worked(step)
            return False
        return True
