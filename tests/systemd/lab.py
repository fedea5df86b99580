"""airbot in a machine, the simulated Airbnb and a person's browser beside it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from machine import Machine
from readme import Readme

from airbot.sandbox.site import AirbnbSite

AI_PORT = 5678  # the README's example
AI_UNIT = f"""
[Service]
ExecStart=/usr/bin/python3 /opt/ai.py {AI_PORT}
DynamicUser=yes
[Install]
WantedBy=multi-user.target
"""
DROP_IN = "/etc/systemd/system/{}.service.d/lab.conf"
STATE = "/var/lib/airbot"


class Lab:
    """One account: a service, the site that it reads, a guest who writes there."""

    def __init__(self, machine: Machine, site: AirbnbSite, name: str = "airbot"):
        self.machine = machine
        self.site = site
        self.name = name
        self.sh, self.out = machine.sh, machine.out

    # The service

    def show(self, key: str) -> str:
        return self.out(f"systemctl show -P {key} {self.name}")

    @property
    def pid(self) -> int:
        return int(self.show("MainPID"))

    def is_active(self) -> bool:
        return self.show("ActiveState") == "active"

    def start(self) -> None:
        self.sh(f"sudo systemctl reset-failed {self.name}", check=False)
        self.sh(f"sudo systemctl start {self.name}")

    def stop(self) -> None:
        self.sh(f"sudo systemctl stop {self.name}")

    @contextmanager
    def drop_in(self, *lines: str) -> Iterator[None]:
        """The service is started with some lines changed; afterwards as it was."""
        path = DROP_IN.format(self.name)
        self.stop()
        self.machine.write(path, "\n".join(["[Service]", *lines]))
        self.sh("sudo systemctl daemon-reload")
        try:
            yield
        finally:
            self.sh(f"sudo systemctl kill -s KILL {self.name}", check=False)
            self.stop()
            self.sh(f"sudo rm {path}; sudo systemctl daemon-reload")
            self.start()

    # The journal

    def now(self) -> str:
        """For `journal`. Not a cursor: systemd 252 skips the first line after it."""
        return self.out("date +@%s.%6N")

    def journal(self, since: str, options: str = "") -> list[dict[str, Any]]:
        """What the journal has of the service and about it, a line each."""
        lines = self.out(
            f"sudo journalctl -q -u {self.name} -o json --since='{since}' {options}"
        )
        return [json.loads(line) for line in lines.splitlines()]

    def wait_to_hear(self, pattern: str, since: str, seconds: float = 60) -> float:
        def heard() -> bool:
            words = (str(row["MESSAGE"]) for row in self.journal(since))
            return any(re.search(pattern, line) for line in words)

        return self.machine.wait(heard, seconds, f"a line in the journal: {pattern}")

    # Guests, and what is in the machine

    def answered(self, seconds: float = 120) -> float:
        """A new guest writes, and has one answer; how long it took, in seconds.

        (In one conversation airbot says no more than six things an hour.)
        """
        thread = self.site.add_thread("Maya")
        text = f"Is parking free? ({random.getrandbits(32):x})"
        self.site.guest_writes(thread, text)

        def replies() -> list[str]:
            return [m.id for m in self.site.posted(thread) if text in m.text]

        took = self.machine.wait(lambda: bool(replies()), seconds, "an answer")
        (reply,) = replies()
        self.machine.wait(lambda: reply in self.sent(), seconds, "its proof")
        assert replies() == [reply]
        return took

    def sent(self) -> set[str]:
        """The messages of the site that airbot knows as its own."""
        rows = self.airbot_json("outbox -n 1000 --json")
        return {row["site_message_id"] for row in rows if row["status"] == "sent"}

    def airbot(self, command: str, check: bool = True) -> tuple[int, str]:
        """A command as the README has it, typed where ana happens to be."""
        config = "" if self.name == "airbot" else f"--config {self.config} "
        return self.sh(f"cd /\nsudo -u airbot airbot {config}{command}", check)

    def airbot_json(self, command: str, check: bool = True) -> Any:
        return json.loads(self.airbot(command, check)[1])

    @property
    def config(self) -> str:
        instance = self.name.partition("@")[2]
        return f"/etc/airbot/{instance or 'config'}.ini"

    def processes(self, pattern: str = ".") -> list[int]:
        """The service's processes whose command line fits."""
        rows = self.out("ps -ww -eo pid=,unit=,args=").splitlines()
        split = [row.split(None, 2) for row in rows]
        return [
            int(pid)
            for pid, unit, arguments in split
            if unit == f"{self.name}.service" and re.search(pattern, arguments)
        ]


BROWSER = r"^/usr/lib/chromium/chromium (?!.*--type=)"
RENDERER = r"^/usr/lib/chromium/chromium .*--type=renderer"
DRIVER = r"/playwright/driver/node "


def put_ai(machine: Machine) -> None:
    """The README's AI of 15 lines, as a service."""
    machine.write("/opt/ai.py", Readme().block("example-ai"))
    machine.write("/etc/systemd/system/ai.service", AI_UNIT)
    machine.sh("sudo systemctl daemon-reload; sudo systemctl enable -q --now ai")
