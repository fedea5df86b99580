"""Whose is a file that is read only because airbot was started beside it?

In a shared folder another user could put down a config.ini and have all that guests
write sent to himself. What was named (--config, $AIRBOT_CONFIG) is not judged.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from airbot.exceptions import ConfigError

# There root is alone, and what is mounted keeps the number of its owner outside.
CONTAINERS = (
    Path("/.dockerenv"),
    Path("/run/.containerenv"),
    Path("/var/run/secrets/kubernetes.io"),
)


def check_ours(files: Iterable[Path]) -> None:
    """Raises ConfigError where others have written, or may write, one of them."""
    if os.geteuid() == 0 and is_container():
        return
    problems = [said for file in files for said in _iter_problems(file)]
    if problems:
        raise ConfigError(problems)


def is_container() -> bool:
    return any(mark.exists() for mark in CONTAINERS)


def _iter_problems(file: Path) -> Iterator[str]:
    for path in (file, file.parent):
        found = path.stat()
        if found.st_uid not in (os.geteuid(), 0):
            owner = user_name(found.st_uid)
            yield (
                f"{file} is not read: {path} is {owner}'s. Run airbot as {owner}, with"
                f" sudo -u {owner} airbot, or name a config.ini with --config"
            )
        elif _is_open(found):
            yield (
                f"{file} is not read: other users may write {path}. Close it, with"
                f" chmod go-w {path}, or name a config.ini with --config"
            )


def _is_open(found: os.stat_result) -> bool:
    by_group = bool(found.st_mode & stat.S_IWGRP) and _has_others(found)
    return bool(found.st_mode & stat.S_IWOTH) or by_group


def _has_others(found: os.stat_result) -> bool:
    """Debian gives each user a group of his own, which may write what he makes."""
    members = {user.pw_name for user in pwd.getpwall() if user.pw_gid == found.st_gid}
    try:
        members.update(grp.getgrgid(found.st_gid).gr_mem)
    except KeyError:
        pass  # a number that no group has
    return bool(
        members - {user_name(found.st_uid), user_name(os.geteuid()), user_name(0)}
    )


def command_of_owner(path: Path) -> str:
    """How airbot is run by whose `path` is; "" where that does not help.

    Of a folder that is closed to us, its own owner counts.
    """
    for seen in (path, *path.parents):
        with suppress(OSError):
            owner = seen.stat().st_uid
            mine = owner in (os.geteuid(), 0)
            return "" if mine else f"sudo -u {user_name(owner)} airbot"
    return ""


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
