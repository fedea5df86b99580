"""Whose is what airbot keeps? Root opens none of it as root, where it is another's.

Whoever owns a folder can put a link where a lock, a log or a database is looked for:
root would write to what it leads to. So root becomes that user before anything is
opened, or is refused with the command that works. See also private.open_ours, which
follows no link.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from airbot.config.ours import is_container
from airbot.config.ours import user_name
from airbot.exceptions import ConfigError
from airbot.private import real_path

ROOT = 0


def check_owner(paths: Iterable[Path]) -> None:
    """As another user we would leave files that the service cannot use.

    Raises ConfigError with the right command.
    """
    paths = list(paths)
    for path in paths:
        if path.exists() and path.stat().st_uid != os.geteuid():
            raise _not_ours(path, path.stat().st_uid)
    if os.geteuid() == ROOT:
        for uid, path in _others(paths).items():
            raise _not_roots(path, uid, [p for p in paths if p.exists()])


def become_owner(paths: Iterable[Path]) -> None:
    """Root is the user whose files these are from here on; for good.

    Raises ConfigError where they are two users', or where this root may not.
    """
    if os.geteuid() != ROOT:
        return
    others = _others(list(paths))
    if len(others) > 1:
        whose = ", ".join(f"{path} {user_name(u)}'s" for u, path in others.items())
        raise ConfigError([f"root opens no files of several users: {whose}"])
    for uid, path in others.items():
        try:
            _become(uid, path)
        except OSError:
            raise _not_ours(path, uid) from None


def _become(uid: int, path: Path) -> None:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:  # a number without a name
        gid = path.lstat().st_gid
        os.setgroups([gid])
    else:
        gid = user.pw_gid
        os.initgroups(user.pw_name, gid)
    os.setgid(gid)
    os.setuid(uid)


def _others(paths: list[Path]) -> dict[int, Path]:
    """The other users who could put something there, each with a file or folder of his.

    In a container what root has made may lie in a folder that keeps the number of its
    owner outside.
    """
    made = [path for path in paths if os.path.lexists(path)]
    if made and is_container() and all(p.lstat().st_uid == ROOT for p in made):
        return {}
    found: dict[int, Path] = {}
    for path in paths:
        for part in _iter_parts(path):
            with suppress(OSError):
                found.setdefault(part.lstat().st_uid, part)
    found.pop(ROOT, None)
    return found


def _iter_parts(path: Path) -> Iterator[Path]:
    """The path and its folders, as it is written and where its links lead."""
    for way in dict.fromkeys((path.absolute(), real_path(path))):
        yield from (way, *way.parents)


def _not_roots(path: Path, uid: int, made: list[Path]) -> ConfigError:
    """What root has made in another's folder is of no use to either of them."""
    if not made:
        return _not_ours(path, uid)
    name, files = user_name(uid), " ".join(map(str, made))
    return ConfigError(
        [
            f"{path} is {name}'s, and root's files are in it: give them to {name}, with"
            f" chown -R {name} {files}, then run airbot with sudo -u {name} airbot"
        ]
    )


def _not_ours(path: Path, uid: int) -> ConfigError:
    name = user_name(uid)
    return ConfigError(
        [f"{path} is {name}'s: run airbot as this user, with sudo -u {name} airbot"]
    )
