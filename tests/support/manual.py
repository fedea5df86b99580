"""config.ini, read as the manual that it is."""

from __future__ import annotations

import re
from typing import NamedTuple

from support.paths import ROOT

MANUAL = ROOT / "config.ini"


class Entry(NamedTuple):
    name: str
    default: str
    env: str
    text: str


def read_manual() -> list[Entry]:
    """The commented keys of config.ini, each a paragraph below its [section]."""
    entries, section = [], ""
    for paragraph in MANUAL.read_text(encoding="utf-8").split("\n\n"):
        lines = paragraph.strip().splitlines()
        if lines[-1].startswith("["):
            section = lines[-1].strip("[]")
        elif section:
            key, default = re.findall(r"^# (\w+) = ?(.*)$", lines[-1])[0]
            words = " ".join(line.removeprefix("# ") for line in lines[:-1])
            text, _, env = words.partition(" Environment: ")
            entries.append(Entry(f"{section}.{key}", default, env, text))
    return entries
