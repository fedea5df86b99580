"""airbot/requirements.lock against setup.cfg, which says what may be in it.

Whether a hash is that of the file, pip looks at each installation; whether there is a
wheel for each machine, .ci/lock when it makes it.
"""

from __future__ import annotations

import re
import tomllib
from configparser import ConfigParser
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.paths import ROOT

LOCK = (ROOT / "airbot" / "requirements.lock").read_text(encoding="utf-8")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
MACHINES = [
    {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
        "python_version": version,
        "python_full_version": f"{version}.0",
    }
    for machine in ("x86_64", "aarch64")
    for version in ("3.11", "3.12", "3.13")
]


class Pin(NamedTuple):
    requirement: Requirement
    hashes: list[str]
    via: list[str]  # who wants it

    @property
    def version(self) -> str:
        (only,) = self.requirement.specifier
        assert only.operator == "=="
        return only.version


def pins() -> dict[str, Pin]:
    """What the lock names; every line of it is understood."""
    found: dict[str, Pin] = {}
    for block in re.split(r"^(?=\w)", LOCK, flags=re.MULTILINE)[1:]:
        first, *lines = block.replace("\\\n", "\n").splitlines()
        words = [line.strip() for line in lines]
        requirement = Requirement(first)
        found[canonicalize_name(requirement.name)] = Pin(
            requirement,
            [word for word in words if HASH.fullmatch(word)],
            [
                word.removeprefix("#").removeprefix(" via").strip()
                for word in words
                if word.startswith("#") and word != "# via"
            ],
        )
        assert all(HASH.fullmatch(word) or word.startswith("#") for word in words)
    return found


def ranges() -> dict[str, Requirement]:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    wanted = setup["options"]["install_requires"].split("\n") + build["requires"]
    requirements = [Requirement(line) for line in wanted if line.strip()]
    return {canonicalize_name(r.name): r for r in requirements}


PINS = pins()
RANGES = ranges()


@pytest.mark.parametrize("name", RANGES)
def test_what_airbot_needs_is_pinned_in_its_range(name: str) -> None:
    assert RANGES[name].specifier.contains(PINS[name].version), RANGES[name]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", RANGES)
def test_and_on_every_machine(name: str, machine: dict[str, str]) -> None:
    marker = PINS[name].requirement.marker
    assert marker is None or marker.evaluate(machine)


@pytest.mark.parametrize("name", PINS)
def test_what_is_pinned_is_needed_by_what_is_pinned(name: str) -> None:
    assert PINS[name].via
    for wanted_by in PINS[name].via:
        assert wanted_by in PINS or name in RANGES, wanted_by


def test_the_way_from_each_pin_leads_to_what_airbot_needs() -> None:
    reached = set(RANGES)
    while more := {n for n in PINS if reached & set(PINS[n].via)} - reached:
        reached |= more
    assert reached == set(PINS)


@pytest.mark.parametrize("name", PINS)
def test_each_file_is_known_by_its_hash(name: str) -> None:
    hashes = PINS[name].hashes
    assert hashes and len(set(hashes)) == len(hashes)


def test_no_place_is_named_to_get_them_from() -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted|@|\bfile:", LOCK)
    script = (ROOT / ".ci" / "lock").read_text(encoding="utf-8")
    assert not re.search(
        r"://|--(extra-|default-)?index(-url)?[ =]|--find-links", script
    )


def test_it_can_be_used_without_what_it_does_not_name() -> None:
    """--no-build-isolation: since 70.1 setuptools builds a wheel by itself."""
    major, minor = PINS["setuptools"].version.split(".")[:2]
    assert (int(major), int(minor)) >= (70, 1)


def test_the_readme_installs_with_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    installs = re.findall(r"pip install .*?(?= &&|$)", readme, re.MULTILINE)
    locked = [line for line in installs if "requirements.lock" in line]
    without = [line for line in installs if line.endswith(" .")]
    assert len(locked) == len(without) >= 3
    assert all("--require-hashes -r airbot/requirements.lock" in it for it in locked)
    assert all("--no-deps --no-build-isolation" in line for line in without)
