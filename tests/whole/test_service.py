"""airbot.service: what the unit says, and what a real daemon tells the manager."""

from __future__ import annotations

import importlib
import ipaddress
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import closing
from contextlib import suppress
from pathlib import Path

import pytest
from support.airbot_process import Airbot
from support.airbot_process import StartDaemon
from support.airbot_process import wait_for
from support.paths import ROOT

from airbot.browser import processes
from airbot.config import SYSTEM_CONFIG
from airbot.config.sections import OPTIONS
from airbot.sandbox.site import AirbnbSite

MANAGER = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
PATIENCE_S = 90.0


def read_unit() -> dict[str, list[str]]:
    """The keys of all sections, each with all of its lines."""
    parser = RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    lines = (ROOT / "airbot.service").read_text().splitlines()
    seen: dict[str, list[str]] = defaultdict(list)
    numbered = []
    for number, line in enumerate(lines):
        key, is_pair, value = line.partition("=")
        if is_pair and not line.startswith("#"):
            seen[key].append(value)
            line = f"{key}.{number}={value}"
        numbered.append(line)
    parser.read_string("\n".join(numbered))  # no line that systemd would not read
    assert sum(map(len, seen.values())) == sum(map(len, map(parser.items, parser)))
    return dict(seen)


UNIT = read_unit()


def only(key: str) -> str:
    (value,) = UNIT[key]
    return value


def readme_config() -> tuple[str, dict[str, str]]:
    """Where the README's installation writes the settings, and the paths in them."""
    readme = (ROOT / "README.md").read_text()
    match = re.search(r"^sudo tee (\S+) [^\n]*<<'END'\n(.*?)^END$", readme, re.M | re.S)
    assert match
    parser = RawConfigParser()
    parser.read_string(match[2])
    names = (("airbnb", "session_dir"), ("storage", "path"), ("logging", "dir"))
    return match[1], {f"{s}.{k}": parser.get(s, k) for s, k in names}


# The file


def test_the_manager_is_told_when_it_is_ready_and_restarts_it_only_on_failure() -> None:
    assert only("Type") == "notify"
    assert only("Restart") == "on-failure"
    assert only("RestartPreventExitStatus").split() == ["2", "75", "77", "243"]
    assert "RestartForceExitStatus" not in UNIT


def test_only_python_gets_the_signal_and_has_time_to_end() -> None:
    assert only("KillMode") == "mixed"
    assert int(only("TimeoutStopSec")) > 10
    assert "MemoryDenyWriteExecute" not in UNIT  # the driver would die


def test_the_folders_are_the_managers_and_hold_the_readmes_paths() -> None:
    _, paths = readme_config()
    state = f"/var/lib/{only('StateDirectory')}"
    assert only("WorkingDirectory") == state
    assert Path(paths["airbnb.session_dir"]).parent == Path(state)
    assert Path(paths["storage.path"]).parent == Path(state)
    assert paths["logging.dir"] == f"/var/log/{only('LogsDirectory')}"
    assert only("StateDirectoryMode") == only("LogsDirectoryMode") == "0700"


def test_the_settings_are_where_the_readme_and_a_command_by_hand_find_them() -> None:
    program, flag, config = shlex.split(only("ExecStart"))
    written, _ = readme_config()
    assert (flag, config) == ("--config", written)
    assert Path(config) == SYSTEM_CONFIG
    assert f"sudo python3 -m venv {Path(program).parents[1]}\n" in (
        (ROOT / "README.md").read_text()
    )


def test_the_unit_sets_nothing_that_a_command_by_hand_would_not_have() -> None:
    ours = {option.env for option in OPTIONS} | {"AIRBOT_CONFIG"}
    assert not ours & {line.partition("=")[0] for line in UNIT["Environment"]}
    assert "EnvironmentFile" not in UNIT


def test_the_user_is_the_readmes() -> None:
    readme = (ROOT / "README.md").read_text()
    (command,) = re.findall(r"^sudo useradd .*$", readme, re.MULTILINE)
    words = command.split()
    assert words[-1] == only("User") == only("Group")
    assert f"--home-dir {only('WorkingDirectory')} " in command


def denies(address: str) -> bool:
    networks = map(ipaddress.ip_network, only("IPAddressDeny").split())
    return any(ipaddress.ip_address(address) in network for network in networks)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.0.1", "224.0.0.251", "239.255.255.250", "ff02::fb"],
)
def test_what_no_page_has_business_with_is_denied(address: str) -> None:
    assert denies(address)
    assert "IPAddressAllow" not in UNIT  # it would come first


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "192.168.1.1", "10.0.0.1", "9.9.9.9", "fe80::1", "fd00::1"],
)
def test_the_rest_of_the_network_is_open(address: str) -> None:
    assert not denies(address)


# The daemon and its manager


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(PATIENCE_S)

    def wait(self, wanted: str) -> str:
        """The first message from now on that begins so; others are passed over."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for line in self.socket.recv(4096).decode().splitlines():
                if line.startswith(wanted):
                    return line
        raise AssertionError(f"nobody said {wanted}")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "180000000")
    yield manager
    manager.socket.close()


@pytest.mark.browser
def test_a_daemon_tells_its_manager_how_it_is(
    site: AirbnbSite, daemon: StartDaemon, manager: Manager
) -> None:
    site.host_writes(site.add_thread(), "Welcome!")
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    airbot: Airbot = daemon(f"webhook__port={port}")
    assert manager.wait("READY=1")
    with closing(socket.create_connection(("127.0.0.1", port))):
        pass
    assert "session " in manager.wait("STATUS=")
    assert manager.wait("WATCHDOG=1")
    wait_for(lambda: processes.chromiums(airbot.profile()))
    children = descendants(airbot.process.pid)
    commands = " ".join(command for command, _ in children)
    assert "run-driver" in commands and "--user-data-dir=" in commands
    assert not [c for c, environ in children for n in MANAGER if f"{n}=" in environ]
    airbot.process.send_signal(signal.SIGTERM)
    assert manager.wait("STOPPING=1")
    assert airbot.process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.browser
def test_a_pause_shows_in_the_managers_status(
    site: AirbnbSite, daemon: StartDaemon, manager: Manager
) -> None:
    site.trouble.challenge = "airlock_page"
    airbot: Airbot = daemon()
    assert manager.wait("STATUS=session captcha: Airbnb ")
    assert manager.wait("WATCHDOG=1")
    assert airbot.stop() == 0


@pytest.mark.browser
def test_the_managers_watchdog_leaves_a_reason(
    daemon: StartDaemon,
) -> None:
    airbot: Airbot = daemon()
    wait_for(lambda: " send: " in airbot.log() or " sync: " in airbot.log())
    assert airbot.stop(signal.SIGABRT) == -signal.SIGABRT
    assert airbot.process.stderr
    said = airbot.process.stderr.read()
    assert "in _watch" in said and said.count("Thread 0x") > 3


def descendants(pid: int) -> list[tuple[str, str]]:
    """Command and environment of a process' children, and of theirs."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in path.read_text().split():
                found.append((_read(child, "cmdline"), _read(child, "environ")))
                found += descendants(int(child))
    return found


def _read(pid: str, name: str) -> str:
    with suppress(OSError):
        return Path("/proc", pid, name).read_bytes().replace(b"\0", b" ").decode()
    return ""


# tests/systemd, which tries it under a real systemd


def test_the_lab_starts_and_names_its_checks() -> None:
    command = [sys.executable, str(ROOT / "tests" / "systemd"), "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in ("fenced", "watchdog_browser", "memory", "reboot", "upgrade"):
        assert name in said


def test_the_lab_tries_every_step_of_the_dockerfile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "systemd"))
    lab = importlib.import_module("container_image")
    page = (ROOT / "airbot" / "manual" / "docker.md").read_text(encoding="utf-8")
    dockerfile = page.split("```dockerfile\n")[1].split("```")[0]
    words = {word for word, _ in lab.steps(dockerfile)}
    assert words == {"FROM", "RUN", "COPY", "USER", "WORKDIR", "ENTRYPOINT"}
    for other in ("HEALTHCHECK CMD true", "# a remark", "ENV A=b", "run true"):
        with pytest.raises(AssertionError):
            lab.steps(f"{dockerfile}{other}\n")
