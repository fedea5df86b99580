"""What is true of the service under a real systemd: one function, one claim.

They run in this order, and each leaves the service up and well.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

from lab import BROWSER
from lab import DRIVER
from lab import RENDERER
from lab import STATE
from lab import Lab
from lab import put_ai
from machine import Machine
from person import log_in_as_a_person
from readme import HOME
from readme import Readme
from readme import install
from readme import lead_to
from readme import put_sources

from airbot.sandbox.site import AirbnbSite

README = Readme()
FIRST_LANDED = "f0598fa"  # 0.1.0
LAKE_PORT = 8441
PYTHON = "/opt/airbot/bin/python"
WATCHDOG_S = 20
DENIED = (
    "169.254.169.254 169.254.1.1 224.0.0.1 224.0.0.251 239.255.255.250 ff02::1 ff02::fb"
).split()
NOT_DENIED = "127.0.0.1 ::1 10.0.2.2 fe80::1".split()  # 10.0.2.2 is QEMU itself
# Ends well where systemd cannot deny what it should.
SPEAK_DENIED = (
    "systemd-run -q --wait --pipe -p IPAddressDeny=127.0.0.1 python3 -c "
    '\'import socket; socket.socket(type=2).sendto(b"", ("127.0.0.1", 9))\''
)
EXPOSURE = {"sandbox": 1.8, "no sandbox": 1.2}


class NotHere(Exception):
    """This machine cannot judge it; why."""


def person_logs_in(lab: Lab) -> None:
    """`reconnect --remote` as step 5 has it: a person logs in from a browser."""
    lab.site.require_cookie = True
    lab.site.trouble.password = "Open Sesame 7"
    log_in_as_a_person(lab)
    state = lab.airbot_json("status --json", check=False)  # 1: it does not run yet
    assert (state["session"]["state"], state["exit_code"]) == ("ok", 1), state


def dry_run(lab: Lab) -> None:
    """Step 6: it looks, and does nothing."""
    lab.site.guest_writes(lab.site.add_thread("Maya"), "Is there a sauna?")
    _, said = lab.airbot("--once --dry-run")
    assert "Maya" in said, said
    assert not lab.site.posted()


def started(lab: Lab) -> None:
    """Step 7: up, ready, and a guest who has waited is answered."""
    begun = lab.now()
    lab.site.guest_writes(lab.site.add_thread("Kenji"), "Is there a lift?")
    for commands in README.step(7):
        lab.sh("\n".join(c for c in commands.splitlines() if "-f" not in c.split()))
    assert lab.show("SubState") == "running"
    lab.machine.wait(lambda: bool(lab.site.posted()), 120, "an answer")
    lab.wait_to_hear("the browser is up, in its own sandbox", begun)


def full_loop(lab: Lab) -> None:
    """A guest writes, the AI is asked, its answer stands there once and is proven."""
    lab.answered()


def sandboxed(lab: Lab) -> None:
    """Chromium's pages are in namespaces of their own, with a filter more."""
    own, pages = lab.processes(BROWSER), lab.processes(RENDERER)
    assert len(own) == 1 and pages
    for kind in ("user", "pid", "net"):
        spaces = [
            lab.out(f"sudo readlink /proc/{pid}/ns/{kind}")
            for pid in (own[0], pages[0])
        ]
        assert spaces[0] != spaces[1], f"one {kind} namespace for all"
    filters = [
        int(lab.out(f"sudo grep Seccomp_filters /proc/{pid}/status").split()[1])
        for pid in (own[0], pages[0])
    ]
    assert filters[1] > filters[0] > 0, filters


def exposure(lab: Lab) -> None:
    """What systemd itself says of the unit, with both settings."""
    unit = "/etc/systemd/system/airbot.service"
    assert (said := lab.out(f"systemd-analyze verify {unit}")) == "", said
    assert _exposure(lab, unit) <= EXPOSURE["sandbox"]


def _exposure(lab: Lab, unit: str) -> float:
    said = lab.sh(f"systemd-analyze security --offline=true {unit} | cat")[1]
    return float(re.findall(r"exposure level for \S+: ([0-9.]+)", said)[0])


def fenced(lab: Lab) -> None:
    """From inside: only its own folders are written, nothing in them is run."""
    found = _probed(lab)
    assert found["writes"] == [], found
    assert found["own"] == [STATE, "/tmp"], found
    assert found["runs"] == [], found
    assert found["reads"] == [], found
    assert set(found["capabilities"]) == {"0" * 16}, found
    assert found["processes"] <= 2, found
    assert found["unshares"] == ["user"], found
    for what in ("packets", "traces", "mounts"):
        assert not found[what], found


def _probed(lab: Lab, *addresses: str) -> dict[str, Any]:
    """What probe.py finds from inside of the unit."""
    probe = " ".join([PYTHON, "/opt/airbot/probe.py", *addresses])
    begun = lab.now()
    with lab.drop_in(f"ExecStartPre={probe}"):
        lab.start()
        lab.wait_to_hear("^probe: ", begun)
        (line,) = [
            r["MESSAGE"] for r in lab.journal(begun) if r["MESSAGE"][:6] == "probe:"
        ]
    return dict(json.loads(line.removeprefix("probe: ")))


def addresses(lab: Lab) -> None:
    """A cloud's keys and all devices at once cannot be spoken to, all else can."""
    if lab.sh(f"sudo {SPEAK_DENIED}", check=False)[0] == 0:
        raise NotHere("systemd cannot deny an address here (cgroup v2, BPF)")
    assert _probed(lab, *DENIED, *NOT_DENIED)["denied"] == DENIED


def without_sandbox(lab: Lab) -> None:
    """The README's drop-in: stricter namespaces, and airbot finds out by trying.

    On a profile that has had its sandbox it would not start.
    """
    begun = lab.now()
    with lab.drop_in(*README.no_sandbox()):
        # Now that it is stopped: a browser that starts would make it anew.
        lab.sh("sudo rm -f /var/lib/airbot/session/airbot-sandbox")
        lab.start()
        lab.answered()
        lab.wait_to_hear("the browser is up without its own sandbox", begun)
        text = lab.out("systemctl cat airbot")
        lab.machine.write("/tmp/systemd/airbot.service", text)
        assert _exposure(lab, "/tmp/systemd/airbot.service") <= EXPOSURE["no sandbox"]


def status_line(lab: Lab) -> None:
    """`systemctl status` shows the session and what waits."""
    said = lab.sh("systemctl status airbot", check=False)[1]
    assert re.search(r'Status: "session ok: .*; 0 replies pending"', said), said


def priorities(lab: Lab) -> None:
    """Levels become the journal's priorities, and do not stand in the lines."""
    begun = lab.now()
    lab.answered()
    lab.site.trouble.logged_out = True
    lab.wait_to_hear("airbot reconnect", begun, 120)
    rows = lab.journal(begun)
    of = {str(r["MESSAGE"]): int(r["PRIORITY"]) for r in rows}
    assert {p for line, p in of.items() if "airbot reconnect" in line} == {3}, of
    assert 6 in of.values() and not [line for line in of if "<" in line[:1]], of
    errors = lab.journal(begun, "-p err")
    assert len(errors) == 1 and "airbot reconnect" in errors[0]["MESSAGE"], errors
    log_in_as_a_person(lab)
    lab.answered()


def by_hand(lab: Lab) -> None:
    """status, messages and outbox by hand look into the service's own files."""
    assert lab.airbot_json("status --json")["session"]["state"] == "ok"
    assert {message.id for message in lab.site.posted()} <= lab.sent()
    assert "sent" in lab.airbot("outbox")[1]
    assert lab.airbot("messages -n 5")[1].strip()
    assert lab.airbot("status")[0] == 0
    # (fontconfig makes its folder 0755, whatever the umask; it is inside of a 0700.)
    others = "-perm /077 ! -type l ! -path '*/.cache*'"
    found = lab.out(f"sudo find {STATE} /var/log/airbot {others}")
    assert found == "", found


def stops(lab: Lab) -> None:
    """SIGTERM: in time, clean, and nothing is left."""
    began = time.monotonic()
    lab.stop()
    took = time.monotonic() - began
    assert took < 30 * lab.machine.slow, f"{took:.0f} s"
    assert lab.show("Result") == "success"
    assert lab.sh("pgrep -u airbot", check=False)[1] == ""
    left = lab.out(f"sudo ls -a {STATE}/session")
    assert "Singleton" not in left, left
    lab.start()
    lab.answered()


def crash(lab: Lab) -> None:
    """Killed, it comes back by itself, and the next guest is answered."""
    before, restarts = lab.pid, int(lab.show("NRestarts"))
    lab.sh(f"sudo kill -9 {before}")
    lab.machine.wait(lambda: lab.is_active() and lab.pid != before, 60, "the restart")
    assert int(lab.show("NRestarts")) == restarts + 1
    lab.answered()


def exit_2(lab: Lab) -> None:
    """Wrong settings: it ends with 2, says which, and is not started again."""
    begun = lab.now()
    lab.stop()
    lab.sh(f"sudo sed -i 's,^webhook_url,webhok_url,' {lab.config}")
    _ends_for_good(lab, 2)
    lab.wait_to_hear("webhok_url", begun)
    lab.sh(f"sudo sed -i 's,^webhok_url,webhook_url,' {lab.config}")
    lab.start()


def exit_75(lab: Lab) -> None:
    """Another airbot is running: 75, and the sentence names it."""
    lab.stop()
    begun = lab.now()
    other = subprocess.Popen(
        [*lab.machine.ssh(), "cd / && exec sudo -u airbot airbot"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert other.stdout is not None
        assert any("the webhook is open" in line for line in other.stdout)
        _ends_for_good(lab, 75)
        lab.wait_to_hear("is in use by airbot with process id", begun)
    finally:
        lab.sh("sudo pkill -TERM -u airbot -f bin/airbot", check=False)
        other.communicate()
    lab.start()


def exit_77(lab: Lab) -> None:
    """A person is needed: a unit that runs `--once` ends with 77 and stays down."""
    once = ("Type=exec", "ExecStart=", "ExecStart=/opt/airbot/bin/airbot --once")
    lab.site.trouble.challenge = "airlock_page"
    with lab.drop_in(*once):
        _ends_for_good(lab, 77)
        lab.site.clear_trouble()
    log_in_as_a_person(lab, logs_in=False)
    lab.answered()


def exit_243(lab: Lab) -> None:
    """A credential whose file is not there: no endless restarts."""
    with lab.drop_in("LoadCredential=ai.secret:/etc/airbot/none"):
        _ends_for_good(lab, 243)


def _ends_for_good(lab: Lab, code: int) -> None:
    lab.sh(f"sudo systemctl reset-failed {lab.name}", check=False)
    lab.sh(f"sudo systemctl start {lab.name}", check=False)
    lab.machine.wait(lambda: lab.show("ActiveState") == "failed", 90, "the end")
    assert lab.show("ExecMainStatus") == str(code), lab.show("ExecMainStatus")
    assert lab.show("NRestarts") == "0"
    assert lab.show("SubState") == "failed"


def browser_killed(lab: Lab) -> None:
    """kill -9 of Chromium: the same airbot, and the next cycle works."""
    _survives_a_kill_of(lab, BROWSER)


def driver_killed(lab: Lab) -> None:
    """kill -9 of Playwright's driver: the same."""
    _survives_a_kill_of(lab, DRIVER)


def _survives_a_kill_of(lab: Lab, pattern: str) -> None:
    lab.answered()  # the browser is up
    before = lab.pid
    killed = lab.processes(pattern)
    assert len(killed) == 1, killed
    lab.sh(f"sudo kill -9 {killed[0]}")
    lab.answered(180)
    assert lab.pid == before
    (now,) = lab.processes(pattern)
    assert now != killed[0]


def watchdog_scheduler(lab: Lab) -> None:
    """A scheduler that stands still is noticed, and the service comes back."""
    _comes_back(lab, "scheduler")


def watchdog_browser(lab: Lab) -> None:
    """A browser thread that stands still: the same."""
    _comes_back(lab, "browser")


def _comes_back(lab: Lab, part: str) -> None:
    begun = lab.now()
    config = f"--config {lab.config}"
    with lab.drop_in(
        f"WatchdogSec={WATCHDOG_S}",
        "ExecStart=",
        f"ExecStart={PYTHON} /opt/airbot/broken.py {part} {config}",
    ):
        lab.start()
        before, restarts = lab.pid, int(lab.show("NRestarts"))
        lab.wait_to_hear("hangs|Watchdog timeout", begun, 240)
        lab.machine.wait(
            lambda: lab.is_active() and lab.pid not in (0, before), 120, "the restart"
        )
        assert int(lab.show("NRestarts")) > restarts
    stacks = [str(row["MESSAGE"]) for row in lab.journal(begun)]
    assert any("Current thread" in line or "Thread 0x" in line for line in stacks)
    lab.answered()


def memory(lab: Lab) -> None:
    """A page that eats the memory up to the limit: the daemon survives it."""
    if not lab.show("MemoryCurrent").isdigit():
        raise NotHere("systemd has no memory controller here (cgroup v2)")
    lab.answered()
    before, kills = lab.pid, _oom_kills(lab)
    lab.site.trouble.greedy_page = True
    lab.sh("sudo pkill -9 -u airbot -f -- --type=renderer")
    lab.machine.wait(lambda: _oom_kills(lab) > kills, 300, "the kernel's kill")
    lab.site.trouble.greedy_page = False
    lab.answered(300)
    assert lab.pid == before


def _oom_kills(lab: Lab) -> int:
    group = lab.show("ControlGroup")
    return int(
        lab.out(f"grep '^oom_kill ' /sys/fs/cgroup{group}/memory.events").split()[1]
    )


def backup_and_back(lab: Lab) -> None:
    """The README's backup and its way back, word for word."""
    lab.sh(README.block("backup"))
    count = len(lab.airbot_json("outbox -n 1000 --json"))
    lab.answered()
    lab.sh(README.block("restore"))
    assert len(lab.airbot_json("outbox -n 1000 --json")) == count
    lab.answered()


def reboot(lab: Lab) -> None:
    """After a reboot it is back, still logged in."""
    lab.machine.reboot()
    lab.machine.wait(lab.is_active, 60, "the service after the reboot")
    lab.answered()


def second_account(lab: Lab) -> None:
    """An instance of `airbot@` beside the first: two accounts, each its own."""
    with AirbnbSite(port=LAKE_PORT) as site:
        lake = Lab(lab.machine, site, "airbot@lake")
        _set_up(lake)
        lake.answered()
        lab.answered()
        assert len(lab.processes(BROWSER)) == len(lake.processes(BROWSER)) == 1
        lake.stop()
        assert lake.processes() == [] and lab.is_active()
        lab.answered()
        lab.sh("sudo systemctl disable -q airbot@lake")


def _set_up(lake: Lab) -> None:
    lake.sh(f"cd {HOME}\n{README.block('template')}")
    folders = "/var/lib/airbot-lake /var/log/airbot-lake"
    lake.sh(f"sudo install -d -o airbot -g airbot -m 0700 {folders}")
    settings = re.sub(r"/var/(lib|log)/airbot", r"\g<0>-lake", README.settings())
    lake.machine.write(lake.config, f"{settings}\n[webhook]\nport = 8001\n")
    lead_to(lake.machine, lake.config, lake.site.url)
    lake.sh(f"sudo chown root:airbot {lake.config}; sudo chmod 0640 {lake.config}")
    lake.sh("sudo systemctl enable -q --now airbot@lake")


CHECKS: tuple[Callable[[Lab], None], ...] = (
    person_logs_in,
    dry_run,
    started,
    full_loop,
    sandboxed,
    exposure,
    fenced,
    addresses,
    without_sandbox,
    status_line,
    priorities,
    by_hand,
    stops,
    crash,
    exit_2,
    exit_75,
    exit_77,
    exit_243,
    browser_killed,
    driver_killed,
    watchdog_scheduler,
    watchdog_browser,
    memory,
    backup_and_back,
    reboot,
    second_account,
)


def upgrade(machine: Machine, site: AirbnbSite) -> None:
    """From the first version that landed to this one, and not back."""
    install(machine, Readme(FIRST_LANDED), site.url)
    put_ai(machine)
    lab = Lab(machine, site)
    lab.sh("sudo systemctl daemon-reload; sudo systemctl enable -q --now airbot")
    lab.answered()
    version = _database_version(lab)

    update = README.first_below("## Update and move").splitlines()
    assert "backup" in update[0]  # which 0.1.0 does not have
    update_to_this = "\n".join([f"cd {HOME}", *update[1:]])
    put_sources(machine)
    lab.sh(update_to_this)
    lab.answered()
    assert len(lab.airbot_json("outbox --json")) == len(site.posted()) == 2
    now = _database_version(lab)
    assert now > version
    modules = "find airbot -name '*.py' | sort"
    installed = lab.out(f"cd /opt/airbot/lib/python3*/site-packages && {modules}")
    assert installed == lab.out(f"cd {HOME} && {modules}")

    begun = lab.now()
    put_sources(machine, FIRST_LANDED)
    lab.stop()
    lab.sh(f"cd {HOME}; sudo rm -rf build; sudo /opt/airbot/bin/pip install .")
    _ends_for_good(lab, 2)
    lab.wait_to_hear("newer", begun)
    assert _database_version(lab) == now

    put_sources(machine)
    lab.sh(update_to_this)
    lab.answered()


def _database_version(lab: Lab) -> int:
    ask = "sudo -u airbot sqlite3 -readonly /var/lib/airbot/airbot.db"
    return int(lab.out(f"{ask} 'PRAGMA user_version'"))
