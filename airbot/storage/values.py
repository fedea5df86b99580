"""From a row of a table to a value: its columns are called like the value's fields."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any
from typing import TypeVar
from typing import get_args
from typing import get_origin
from typing import get_type_hints

T = TypeVar("T")


def from_row(kind: type[T], row: sqlite3.Row) -> T:
    """A dataclass of models.py; a field without a column has its default."""
    given = dict(row)
    readers = _readers(kind)  # type: ignore[arg-type]
    known = {name: given[name] for name in readers if name in given}
    return kind(**{n: v if v is None else readers[n](v) for n, v in known.items()})


@cache
def _readers(kind: type[Any]) -> Mapping[str, Callable[[Any], Any]]:
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Times are text, yes and no are 1 and 0, sets are JSON; an enum reads its word."""
    if get_origin(hint) is frozenset:
        return lambda text: frozenset(json.loads(text))
    (is_,) = [one for one in (get_args(hint) or (hint,)) if one is not NoneType]
    read: Callable[[Any], Any]
    read = is_.fromisoformat if issubclass(is_, datetime) else is_
    return read
