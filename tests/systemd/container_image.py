"""The manual's Dockerfile, its steps done in a bare Debian in a folder, without Docker.

Each command runs as Docker runs it: as process 1, with a /proc and a /dev/shm of its
own, and with Docker's few variables. What was mounted for it is gone when it ends.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import Failed
from machine import call
from machine import plain_tree
from readme import PIP_CONF
from readme import WHEELS
from readme import Readme
from readme import files
from readme import wheels

KNOWN = ("FROM", "RUN", "COPY", "USER", "WORKDIR", "ENTRYPOINT")
DEBIANS = "debian:12-slim", "debian:13-slim"
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
IN_IT = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec")
CHROOT = """
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -t tmpfs -o size=256m,mode=1777 tmpfs "$0/dev/shm"
exec chroot "$@"
"""
PLACE = """
cd "$0"
export HOME="$(getent passwd "$(id -u)" | cut -d: -f6)"
exec "$@"
"""
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
AI = "AI_WEBHOOK_URL=http://localhost:5678/webhook/airbnb"


def image(folder: Path, suite: str) -> None:
    """Every step of the page, then the image's own commands; FROM is that Debian."""
    todo = steps(Readme().block("dockerfile"))
    plain = plain_tree(folder, f"bare-{suite}", suite)
    with TemporaryDirectory(prefix="image-", dir=folder) as kept:
        made = Image(Path(kept, "tree"), plain)
        made.offer(wheels(folder, PYTHON[suite]))
        for word, rest in todo:
            began = time.monotonic()
            made.do(word, rest)
            print(f"{time.monotonic() - began:6.1f} s  {word} {rest[:60]}", flush=True)
        try_out(made)


def try_out(made: Image) -> None:
    _expect(made.run("demo", "--once"), r"it stands there exactly once\n\Z")
    _expect(made.run("status", code=1), r"^airbot +not running")  # it never ran
    _expect(made.run("install-browser"), r"\Athe browser is /usr/lib/chromium/")


def _expect(said: str, pattern: str) -> None:
    print(said, flush=True)
    if not re.search(pattern, said, re.MULTILINE):
        raise Failed(f"not said: {pattern}")


def steps(dockerfile: str) -> list[tuple[str, str]]:
    """The instruction and the rest of each step; Failed where one cannot be tried."""
    lines = filter(None, dockerfile.replace("\\\n", "").splitlines())
    found = [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]
    if unknown := sorted({word for word, _ in found} - set(KNOWN)):
        raise Failed(f"nothing here tries {', '.join(unknown)}")
    return found


class Image:
    def __init__(self, tree: Path, plain: Path) -> None:
        self.tree = tree
        self.user = "root"
        self.folder = "/"
        self.entrypoint: list[str] = []
        call("cp", "-a", "--reflink=auto", str(plain), str(tree))
        shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")

    def offer(self, packages: Path) -> None:
        """The locked packages, in place of an index."""
        shutil.copytree(packages, self.tree / WHEELS[1:])
        (self.tree / "etc/pip.conf").write_text(PIP_CONF)

    def do(self, word: str, rest: str) -> None:
        match word:
            case "FROM" if rest not in DEBIANS:
                raise Failed(f"{rest} is none of {', '.join(DEBIANS)}")
            case "RUN":
                self._call("/bin/sh", "-c", rest)
            case "COPY":
                self._copy(*rest.split())
            case "USER":
                self.user = rest
            case "WORKDIR":
                self.folder = os.path.join(self.folder, rest)
                (self.tree / self.folder[1:]).mkdir(parents=True, exist_ok=True)
            case "ENTRYPOINT":
                self.entrypoint = json.loads(rest)

    def run(self, *arguments: str, code: int = 0) -> str:
        """What `docker run -e AI_WEBHOOK_URL=…` says."""
        return self._call("env", AI, *self.entrypoint, *arguments, code=code)

    def _copy(self, *names: str) -> None:
        """As Docker does: of a folder what is in it, of a file the file."""
        *sources, target = names
        for source in sources:
            found = files(source)
            if not found:
                raise Failed(f"COPY {source}: no such file")
            for path, name in found.items():
                inner = path.name if name == source else os.path.relpath(name, source)
                to = self.tree / target[1:] / inner
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)

    def _call(self, *command: str, code: int = 0) -> str:
        chroot = (f"--userspec={self.user}", str(self.tree), "env", "-i", PATH)
        place = ("/bin/sh", "-ec", PLACE, self.folder)
        done = subprocess.run(
            [*IN_IT, CHROOT, str(self.tree), *chroot, *place, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )
        if done.returncode != code:
            said = done.stdout[-3000:]
            raise Failed(f"{' '.join(command)}\nended {done.returncode}:\n{said}")
        return done.stdout
