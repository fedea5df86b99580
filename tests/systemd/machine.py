"""A Debian of its own with a running systemd: a container, or a virtual machine.

Both boot the same tree and are spoken to by ssh, as ana: a person with sudo who has
just installed Debian. debootstrap and systemd-nspawn need root here.

    Container       systemd-nspawn, on this machine's kernel and network; quick. Where
                    this machine has no cgroup v2 it judges no memory limit.
    VirtualMachine  QEMU, Debian's own kernel, no network; emulated, so about five times
                    slower
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MIRROR = "http://deb.debian.org/debian"
# What a Debian that somebody uses has, and minbase has not. The kernel is for QEMU.
PACKAGES = (
    "ca-certificates",
    "dbus",
    "libpam-systemd",
    "linux-image-cloud-amd64",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
SSH_PORT = 2222
SETUP = f"""
set -eu
useradd --create-home --shell /bin/bash --groups systemd-journal ana
echo 'ana ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ana
install -d -o ana -g ana -m 0700 /home/ana/.ssh
cat > /home/ana/.ssh/authorized_keys
chown ana: /home/ana/.ssh/authorized_keys
echo 'Port {SSH_PORT}' > /etc/ssh/sshd_config.d/port.conf
echo airbot-lab > /etc/hostname
echo '127.0.0.1 localhost airbot-lab' > /etc/hosts
printf '[Match]\\nName=en*\\n[Network]\\nAddress=10.0.2.15/24\\nGateway=10.0.2.2\\n' \\
    > /etc/systemd/network/qemu.network
systemctl enable systemd-networkd
systemctl disable systemd-networkd-wait-online
systemctl set-default multi-user.target
systemctl mask apt-daily.timer apt-daily-upgrade.timer
"""


class Failed(AssertionError):
    """A command in the machine did not end as it should."""


def make_tree(tree: Path, folder: Path, suite: str) -> None:
    """A fresh Debian with ana in it."""
    plain = plain_tree(folder, f"plain-{suite}", suite, PACKAGES)
    if tree.exists():
        shutil.rmtree(tree)
    call("cp", "-a", "--reflink=auto", str(plain), str(tree))
    call("chroot", str(tree), "sh", "-c", SETUP, told=_key(folder))
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")


def plain_tree(
    folder: Path, name: str, suite: str, packages: tuple[str, ...] = ()
) -> Path:
    """A Debian that is kept for the next time."""
    plain = folder / name
    if not (plain / "done").exists():
        shutil.rmtree(plain, ignore_errors=True)
        include = [f"--include={','.join(packages)}"] if packages else []
        call("debootstrap", "--variant=minbase", *include, suite, str(plain), MIRROR)
        (plain / "done").touch()
    return plain


def _key(folder: Path) -> str:
    key = folder / "key"
    if not key.exists():
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    return key.with_suffix(".pub").read_text()


def call(*command: str, told: str | None = None) -> None:
    done = subprocess.run(
        command, input=told, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise Failed(f"{command[0]} ended {done.returncode}:\n{done.stdout[-2000:]}")


class Machine(ABC):
    """Boots a tree; a context manager.

    `slow`: how much longer things take in it. `ports`: those of this machine that it
    finds on its own loopback.
    """

    slow = 1.0

    def __init__(self, folder: Path, tree: Path, ports: tuple[int, ...] = ()) -> None:
        self.folder = folder
        self.tree = tree
        self.ports = ports
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _boot(self) -> list[str]:
        """The command that runs the machine for as long as it is on."""

    def __enter__(self) -> Machine:
        self._start()
        return self

    def _start(self) -> None:
        log = (self.folder / "console.log").open("wb")
        self._process = subprocess.Popen(
            self._boot(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        self.wait_for_boot()

    def __exit__(self, *exc: object) -> None:
        process = self._process
        assert process is not None
        if process.poll() is None:
            self.sh("sudo systemctl poweroff", check=False)
        try:
            process.wait(60 * self.slow)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)

    def wait_for_boot(self) -> None:
        """Until ana can log in and systemd has started what it starts."""
        self.wait(self._answers, 120, "ssh")
        self.sh("systemctl is-system-running --wait", check=False)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            said = (self.folder / "console.log").read_text(errors="replace")
            raise Failed(f"the machine has ended:\n{said[-2000:]}")
        return self.sh("true", check=False)[0] == 0

    def reboot(self) -> None:
        boot_id = "cat /proc/sys/kernel/random/boot_id"
        before = self.out(boot_id)
        self.sh("sudo systemctl reboot", check=False)
        self.wait(
            lambda: self.sh(boot_id, check=False)[1].strip() not in ("", before),
            120,
            "the reboot",
        )
        self.wait_for_boot()

    # What ana types

    def ssh(self, *options: str) -> list[str]:
        return [
            *("ssh", "-F", "none", "-q", "-i", str(self.folder / "key")),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-p", str(SSH_PORT)),
            *(*options, "ana@127.0.0.1"),
        ]

    def sh(
        self, script: str, check: bool = True, timeout_s: float = 600
    ) -> tuple[int, str]:
        """Run a script as ana in her folder; its exit code, and what it said."""
        done = subprocess.run(
            [*self.ssh(), "bash -eu -o pipefail -s"],
            input=script,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s * self.slow,
        )
        if check and done.returncode:
            said = done.stdout[-3000:]
            raise Failed(f"{script.strip()}\nended {done.returncode}:\n{said}")
        return done.returncode, done.stdout

    def out(self, script: str) -> str:
        return self.sh(script)[1].strip()

    def put(self, packed: bytes, folder: str) -> None:
        """Unpack a tar file into a folder of ana's."""
        subprocess.run([*self.ssh(), f"tar -x -C {folder}"], input=packed, check=True)

    def write(self, path: str, text: str) -> None:
        """A file of root's."""
        self.sh(f"sudo mkdir -p {Path(path).parent}")
        self.sh(f"sudo tee {path} >/dev/null <<'LAB-END'\n{text}\nLAB-END")

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait for something; how long it took."""
        began = time.monotonic()
        while not done():
            if time.monotonic() - began > seconds * self.slow:
                raise Failed(f"{what}: not within {seconds * self.slow:.0f} s")
            time.sleep(0.3)
        return time.monotonic() - began

    @contextmanager
    def reached(self, port: int) -> Iterator[None]:
        """The machine's port is this one's, too."""
        yield


class Container(Machine):
    def reboot(self) -> None:
        self.sh("sudo systemctl reboot", check=False)
        assert self._process is not None
        self._process.wait(60)  # with 133: systemd-nspawn leaves the rest to its caller
        self._start()

    def _boot(self) -> list[str]:
        return [
            *("systemd-nspawn", "--quiet", "-D", str(self.tree), "--boot"),
            *("--register=no", "--keep-unit", "--console=pipe"),
            "--resolv-conf=off",
        ]


class VirtualMachine(Machine):
    """Its kernel is Debian's own, so that memory limits and the like are in force."""

    slow = 8.0  # at most

    def _boot(self) -> list[str]:
        image = self.folder / "disk.img"
        image.unlink(missing_ok=True)
        call("truncate", "-s", "8G", str(image))
        call("mkfs.ext4", "-q", "-F", "-d", str(self.tree), str(image))
        (kernel,) = (self.tree / "boot").glob("vmlinuz-*")
        (initrd,) = (self.tree / "boot").glob("initrd.img-*")
        return [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"),
            *("-smp", "2", "-m", "2G", "-display", "none", "-serial", "stdio"),
            *("-kernel", str(kernel), "-initrd", str(initrd)),
            *("-append", "root=/dev/vda rw console=ttyS0 quiet"),
            *("-drive", f"file={image},format=raw,if=virtio,cache=unsafe"),
            # It reaches nobody; only ssh comes in.
            "-nic",
            f"user,model=virtio-net-pci,restrict=on,"
            f"hostfwd=tcp:127.0.0.1:{SSH_PORT}-:{SSH_PORT}",
        ]

    def wait_for_boot(self) -> None:
        super().wait_for_boot()
        back = [f"{port}:127.0.0.1:{port}" for port in self.ports]
        self._tunnel(*(part for port in back for part in ("-R", port)))

    @contextmanager
    def reached(self, port: int) -> Iterator[None]:
        tunnel = self._tunnel("-L", f"{port}:127.0.0.1:{port}")
        try:
            yield
        finally:
            tunnel.kill()
            tunnel.wait()

    def _tunnel(self, *ways: str) -> subprocess.Popen[bytes]:
        tunnel = subprocess.Popen(
            self.ssh("-N", "-o", "ExitOnForwardFailure=yes", *ways),
            stdin=subprocess.DEVNULL,
        )
        time.sleep(self.slow / 5)
        assert tunnel.poll() is None, "no way through ssh"
        return tunnel
