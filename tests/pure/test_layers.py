"""The arrows of the design: imports point down, each outside world has one room.

    cli
    demo
    daemon
    sync  ask  send  webhook  remote
    answers
    airbnb  browser  ai  storage     they do not import each other
    web  contract
    policy
    config  models  logs  locks
    addresses  exceptions  private  terminal  sandbox

The one exception: `airbnb` is handed the browser and names its types.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT

PACKAGE = ROOT / "airbot"
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(file.relative_to(PACKAGE)) for file in FILES]

FLOORS = [
    {"cli", "__main__"},
    {"demo"},
    {"daemon"},
    {"sync", "ask", "send", "webhook", "remote"},
    {"answers"},
    {"airbnb", "browser", "ai", "storage"},
    {"web", "contract"},
    {"policy"},
    {"config", "models", "logs", "locks"},
    {"addresses", "exceptions", "private", "terminal", "sandbox"},
]
WORLDS = FLOORS[5]
HANDED = {("airbnb", "browser")}
NEIGHBOURS = {("__main__", "cli")}

ALONE = {
    "playwright": {"browser"},
    "sqlite3": {"storage"},
    "apscheduler": {"daemon"},
    "requests": {"ai", "sandbox"},
    "urllib3": {"ai"},
    "bottle": {"web", "webhook", "remote", "sandbox"},
    "waitress": {"web"},
    "dotenv": {"config"},
}
# What only Airbnb's own room knows, by the way it is written in the source.
SITE_WORDS = {
    "data-testid": {"airbnb"},
    "viaduct": {"airbnb"},
    "airbnb.com": {"airbnb", "config"},
}
# Made in one place: a second would forget whose files they are, or which lock.
MADE_IN = {
    "profile_lock": "daemon/opening.py",
    "database_lock": "daemon/opening.py",
    "reconnect_lock": "daemon/opening.py",
    "Storage": "daemon/opening.py",
    "View": "daemon/opening.py",
    "Browser": "daemon/parts.py",
    "Airbnb": "daemon/parts.py",
}


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside of a function."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} has a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(file: Path) -> set[str]:
    """The names of all that a file calls."""
    called = {
        node.func
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    names = {func.id for func in called if isinstance(func, ast.Name)}
    return names | {func.attr for func in called if isinstance(func, ast.Attribute)}


def rooms_used_by(file: Path) -> set[str]:
    """The rooms of airbot that a file imports from, its own left out."""
    rooms = {
        parts[1]
        for parts in (name.split(".") for name in imports(file))
        if parts[0] == "airbot" and len(parts) > 1 and is_room(parts[1])
    }
    return rooms - {room_of(file)}


def is_room(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def floor_of(room: str) -> int:
    (floor,) = (n for n, rooms in enumerate(FLOORS) if room in rooms)
    return floor


def test_every_room_has_its_place() -> None:
    rooms = {room_of(file) for file in FILES} - {"__init__"}
    assert rooms <= set().union(*FLOORS)


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_imports_point_down(file: Path) -> None:
    room = room_of(file)
    if room == "__init__":
        return
    for used in rooms_used_by(file):
        down = floor_of(used) > floor_of(room)
        assert down or (room, used) in HANDED | NEIGHBOURS, f"{room} imports {used}"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_only_the_demo_imports_the_sandbox(file: Path) -> None:
    if room_of(file) != "demo":
        assert "sandbox" not in rooms_used_by(file)


def test_the_worlds_do_not_import_each_other() -> None:
    found = {
        (room_of(file), used)
        for file in FILES
        if room_of(file) in WORLDS
        for used in rooms_used_by(file) & WORLDS
    }
    assert found <= HANDED


@pytest.mark.parametrize("package", ALONE)
def test_an_outside_package_is_used_in_its_room_alone(package: str) -> None:
    users = {
        room_of(file)
        for file in FILES
        for name in imports(file)
        if name.split(".")[0] == package
    }
    assert users and users <= ALONE[package]


@pytest.mark.parametrize("name", MADE_IN)
def test_a_lock_a_database_a_browser_is_made_in_one_place_alone(name: str) -> None:
    makers = {str(file.relative_to(PACKAGE)) for file in FILES if name in calls(file)}
    assert makers == {MADE_IN[name]}


@pytest.mark.parametrize("word", SITE_WORDS)
def test_only_airbnbs_room_knows_the_site(word: str) -> None:
    # The sandbox is the other side: it plays the site.
    users = {room_of(file) for file in FILES if word in file.read_text("utf-8").lower()}
    assert users - {"sandbox"} and users - {"sandbox"} <= SITE_WORDS[word]


def test_policy_touches_nothing_outside() -> None:
    outside = "os pathlib socket time logging threading subprocess sqlite3".split()
    for file in FILES:
        if room_of(file) in ("policy", "models"):
            assert not {name.split(".")[0] for name in imports(file)} & set(outside)


def test_airbnb_com_stands_in_config_as_a_default_only() -> None:
    text = (PACKAGE / "config/sections.py").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "airbnb.com" in line]
    assert len(lines) == 1 and "read_base_address" in lines[0]
