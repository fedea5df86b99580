"""Commands as they work here: as the right user, with the settings that were named."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from airbot.config import Config
from airbot.config.ours import command_of_owner


def command_here(command: str, config: Config, named: Path | None) -> str:
    """`airbot outbox retry 1a2b` as it must be typed by who reads it.

    `named`: the settings that were named with --config. What is no command stays.
    """
    name, _, rest = command.partition(" ")
    if name != "airbot":
        return command
    theirs = command_of_owner(config.storage.path)
    words = [theirs or "airbot"]
    settings = named or (os.environ.get("AIRBOT_CONFIG") if theirs else None)
    if settings:
        words += ["--config", shlex.quote(str(Path(settings).absolute()))]
    if rest == "reconnect" and not _has_screen():
        rest = "reconnect --remote"
    return " ".join([*words, rest])


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
