"""Whose trouble is it: one conversation's, or the site's?

A step that fails in a conversation is that conversation's trouble: it is counted, put
back and in the end named to a person, and the next guest is served. It may be the
site's when the same step fails in two conversations in a row and has worked in none
since; a conversation in which it failed before does not count as the second. Then
airbot tries the step elsewhere, best where nobody waits, before it shuts the site for
everybody: two guests who have left Airbnb are ordinary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterable
from itertools import islice

TRIED_ELSEWHERE = 3  # conversations
Works = Callable[[str, str], bool]  # does a step work in a conversation?


class Blame:
    """What has failed in a row, by step ("read", "type"...); forgotten at a restart."""

    def __init__(self) -> None:
        self._in_a_row: dict[str, set[str]] = defaultdict(set)
        self._before: dict[str, set[str]] = defaultdict(set)

    def worked(self, step: str, thread_id: str) -> None:
        """It has worked there: whatever failed before is that conversation's own."""
        self._in_a_row[step].clear()
        self._before[step].discard(thread_id)

    def is_the_sites(
        self,
        step: str,
        thread_id: str,
        others: Iterable[str],
        works: Works,
    ) -> bool:
        """It has failed in that conversation: is the site to blame?

        `others`: where else `works` may try it. Where there is nowhere else the site is
        blamed once, and then these two conversations are: a third guest may come.
        """
        before, in_a_row = self._before[step], self._in_a_row[step]
        if thread_id not in before:
            before.add(thread_id)
            in_a_row.add(thread_id)
        if len(in_a_row) < 2:
            return False
        elsewhere = self.works_elsewhere(step, others, works)
        if elsewhere is not False:
            in_a_row.clear()
        return not elsewhere

    def works_elsewhere(
        self, step: str, others: Iterable[str], works: Works
    ) -> bool | None:
        """Does it work in one where it has not failed? None: there is no such one."""
        before = self._before[step]
        healthy = (id_ for id_ in dict.fromkeys(others) if id_ not in before)
        tried = None
        for id_ in islice(healthy, TRIED_ELSEWHERE):
            if works(step, id_):
                return True
            tried = False
        return tried
