"""Where a test stands says what it touches.

    pure     values in, a decision out; the repository's own files are read
    store    real SQLite, files and sockets on loopback, fakes of the site; no browser
    site     the simulated Airbnb, and the rooms on it in a real Chromium
    whole    the program as a user meets it: commands, processes, README
    long     kills, months in minutes and floods: most of it behind a marker
    support  what they share; no tests

tests/bench and tests/systemd are programs of their own, data/ is what is read.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support.paths import TESTS

FOLDERS = ("pure", "store", "site", "whole", "long")
FILES = [file for folder in FOLDERS for file in sorted((TESTS / folder).glob("*.py"))]
PURE = [file for file in FILES if file.parent.name == "pure"]
SUPPORT = sorted((TESTS / "support").glob("*.py"))
NAMES = {file.stem for file in FILES}
# Fixtures and modules with which a test leaves memory.
OUTSIDE = set(
    "tmp_path storage scene site ai api browser airbnb page daemon run".split()
)
OUTSIDE |= set("socket sqlite3 subprocess requests threading playwright".split())


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(file: Path) -> set[str]:
    """The first words of what it imports."""
    found = set()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
    return found


def cases_in(file: Path) -> list[ast.FunctionDef]:
    nodes = ast.walk(tree_of(file))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef))
    return [node for node in functions if node.name.startswith("test_")]


@pytest.mark.parametrize("file", [*FILES, *SUPPORT], ids=lambda file: file.stem)
def test_nobody_borrows_from_a_file_of_tests(file: Path) -> None:
    assert not imported(file) & (NAMES | {"conftest"})


def test_every_file_of_a_folder_has_tests_and_a_name_of_its_own() -> None:
    assert [file.name for file in FILES if not cases_in(file)] == []
    assert [file.name for file in SUPPORT if cases_in(file)] == []
    assert len(NAMES) == len(FILES)
    assert not list(TESTS.glob("test_*.py"))


@pytest.mark.parametrize("file", PURE, ids=lambda file: file.stem)
def test_what_is_pure_touches_nothing(file: Path) -> None:
    asked = {a.arg for test in cases_in(file) for a in test.args.args}
    assert not (asked | imported(file)) & OUTSIDE


@pytest.mark.parametrize("folder", ["pure", "store"])
def test_these_folders_need_no_browser(folder: str) -> None:
    marked = [
        file.name
        for file in (TESTS / folder).glob("*.py")
        if any(
            isinstance(node, ast.Attribute)
            and ast.unparse(node) == "pytest.mark.browser"
            for node in ast.walk(tree_of(file))
        )
    ]
    assert marked == []
