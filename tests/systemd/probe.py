"""Runs inside the unit, before airbot: what does it let itself be done? Prints JSON.

ExecStartPre=/opt/airbot/bin/python /opt/airbot/probe.py [ADDRESS...]
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

STATE = Path(os.environ["HOME"])
CLONE = {"mnt": 0x20000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000}
libc = ctypes.CDLL(None, use_errno=True)


def worked(act: Callable[[], object]) -> bool:
    try:
        act()
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def write(folder: str) -> Callable[[], object]:
    return lambda: (Path(folder) / "airbot-probe").write_text("x")


def run_from(folder: Path) -> Callable[[], object]:
    def run() -> None:
        program = folder / "probe.sh"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)
        try:
            subprocess.run([program], check=True)
        finally:
            program.unlink()

    return run


def unshare(flag: int) -> Callable[[], object]:
    def run() -> None:
        child = os.fork()
        if child == 0:
            os._exit(libc.unshare(flag) != 0)
        if os.waitpid(child, 0)[1]:
            raise OSError

    return run


def call(name: str, *arguments: object) -> Callable[[], object]:
    def run() -> None:
        if getattr(libc, name)(*arguments) == -1:
            raise OSError(ctypes.get_errno(), name)

    return run


def read(path: str) -> Callable[[], object]:
    return lambda: os.listdir(path) if os.path.isdir(path) else open(path).read(1)


def is_denied(address: str) -> bool:
    """Is a datagram to it refused? Where there is no such network, it is not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for index in INTERFACES if address[:4] in ("fe80", "ff02") else [0]:
        target = (address, 9, 0, index) if ":" in address else (address, 9)
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            try:
                sender.sendto(b"", target)
            except OSError as e:
                if e.errno == errno.EPERM:
                    return True
    return False


INTERFACES = [int(p.read_text()) for p in Path("/sys/class/net").glob("*/ifindex")]
WRITE = (
    "/ /etc /etc/airbot /usr /opt/airbot /var /var/lib /home /root /run /sys /dev /boot"
)
READ = "/etc/shadow /etc/ssh/sshd_config /home/ana /boot /proc/cpuinfo /proc/1/cmdline"


def main() -> None:
    status = Path("/proc/self/status").read_text().splitlines()
    own = (STATE, Path("/tmp"))
    found = {
        "writes": [folder for folder in WRITE.split() if worked(write(folder))],
        "own": [str(folder) for folder in own if worked(write(str(folder)))],
        "runs": [str(folder) for folder in own if worked(run_from(folder))],
        "reads": [path for path in READ.split() if worked(read(path))],
        "capabilities": [line.split()[1] for line in status if line[:3] == "Cap"],
        "processes": sum(path.name.isdigit() for path in Path("/proc").iterdir()),
        "unshares": [name for name, flag in CLONE.items() if worked(unshare(flag))],
        "denied": [address for address in sys.argv[1:] if is_denied(address)],
        "packets": worked(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "traces": worked(call("ptrace", 0, 0, 0, 0)),
        "mounts": worked(call("mount", b"none", b"/tmp", b"tmpfs", 0, 0)),
    }
    for folder in own:
        (folder / "airbot-probe").unlink(missing_ok=True)
    print("probe: " + json.dumps(found))


if __name__ == "__main__":
    main()
