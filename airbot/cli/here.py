"""Commands as they work here: as the right user, with the settings that were named."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from airbot.config import Config
from airbot.config.ours import user_name


def command_here(command: str, config: Config, named: Path | None) -> str:
    """`airbot outbox retry 1a2b` as it must be typed by who reads it.

    `named`: the settings that were named with --config. What is no command stays.
    """
    name, _, rest = command.partition(" ")
    if name != "airbot":
        return command
    words = ["airbot"]
    if owner := _other_owner(config.storage.path):
        words = ["sudo", "-u", owner, "airbot"]
    settings = named or (os.environ.get("AIRBOT_CONFIG") if owner else None)
    if settings:
        words += ["--config", shlex.quote(str(Path(settings).absolute()))]
    if rest == "reconnect" and not _has_screen():
        rest = "reconnect --remote"
    return " ".join([*words, rest])


def _other_owner(path: Path) -> str:
    """Whose the database is, where it is not ours; "" where it is, or is not there."""
    try:
        owner = path.stat().st_uid
    except OSError:
        return ""
    return "" if owner == os.geteuid() else user_name(owner)


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
