"""The README's installation and update, typed into a machine word for word."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from machine import ROOT
from machine import Machine

BLOCK = re.compile(r"^```(?:sh|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "airbot" / "manual").glob("*.md"))]
GIT = ("git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}")
HOME = "/home/ana/airbot"
WHEELS = "/srv/wheels"
PIP_CONF = f"[global]\nno-index = true\nfind-links = {WHEELS}\n"


class Readme:
    """This folder's with the manual's pages, or that of an older commit."""

    def __init__(self, revision: str = "") -> None:
        self.revision = revision
        self.text = (
            _git("show", f"{revision}:README.md").decode()
            if revision
            else "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
        )

    def step(self, number: int) -> list[str]:
        """The blocks of one step of the installation."""
        (text,) = re.findall(
            rf"^\*\*{number}\. .*?(?=^\*\*\d|^#)", self.text, re.M | re.S
        )
        return BLOCK.findall(text)

    def block(self, name: str) -> str:
        """A block that is marked `run: NAME`."""
        marked = rf"^<!-- run: {name} -->\n```\w+\n(.*?)^```$"
        (text,) = re.findall(marked, self.text, re.M | re.S)
        return str(text)

    def first_below(self, heading: str) -> str:
        return str(BLOCK.findall(self.text.split(f"\n{heading}\n")[1])[0])

    def settings(self) -> str:
        """The config.ini of step 4."""
        return self.block("settings").split("<<'END'\n")[1].split("END\n")[0]

    def no_sandbox(self) -> list[str]:
        """The drop-in for a machine that lets Chromium have no sandbox."""
        written = self.block("no-sandbox").split("[Service]\n")[1]
        return written.split("END\n")[0].splitlines()


def _git(*command: str) -> bytes:
    return subprocess.check_output([*GIT, *command])


def install(machine: Machine, readme: Readme, base_url: str) -> None:
    """Steps 1 to 4, and what leads to the simulated Airbnb."""
    fetch_wheels(machine)
    put_sources(machine, readme.revision)
    for number in (1, 2, 3, 4):
        for commands in readme.step(number):
            machine.sh(f"cd {HOME}\n{commands}")
    lead_to(machine, "/etc/airbot/config.ini", base_url)


def lead_to(machine: Machine, path: str, base_url: str) -> None:
    """To the simulated Airbnb, and more often: it bears it."""
    machine.sh(f"sudo sed -i 's,^.airbnb.$,&\\nbase_url = {base_url},' {path}")
    quicker = "\\n[sync]\\ninterval_sec = 5\\n"
    machine.sh(f"printf '{quicker}' | sudo tee -a {path} >/dev/null")


def put_sources(machine: Machine, revision: str = "") -> None:
    """This folder as it is, or an older commit: what ana has fetched.

    What pip has left in her folder, as root, stays there.
    """
    if revision:
        packed = _git("archive", revision)
    else:
        packed = _tar(files())
    machine.sh(f"mkdir -p {HOME}; find {HOME} -mindepth 1 -user ana -delete")
    machine.put(packed, HOME)


def files(below: str = ".") -> dict[Path, str]:
    """This folder's files and their names, without what git ignores."""
    found = _git("ls-files", "-co", "--exclude-standard", "--", below).decode()
    return {ROOT / name: name for name in found.splitlines()}


def fetch_wheels(machine: Machine) -> None:
    """What the lock names, for the machine's Python: there pip asks no index."""
    code = 'import sys; print("%d.%d" % sys.version_info[:2])'
    folder = wheels(machine.folder, machine.out(f"python3 -c '{code}'"))
    machine.sh(f"sudo install -d -o ana {WHEELS}")
    machine.put(_tar({path: path.name for path in folder.iterdir()}), WHEELS)
    machine.write("/etc/pip.conf", PIP_CONF)


def wheels(kept: Path, version: str) -> Path:
    """The folder with what the lock names, for that Python."""
    wanted = ("--require-hashes", "-r", ROOT / "airbot" / "requirements.lock")
    folder = kept / f"wheels-{version}"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "-q", "-q", "--dest", folder),
            *("--only-binary", ":all:", "--python-version", version, *wanted),
        ],
        check=True,
    )
    return folder


def _tar(names: dict[Path, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, name in names.items():
            tar.add(path, name)
    return packed.getvalue()
