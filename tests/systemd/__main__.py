"""The unit under a real systemd: a Debian with airbot in it, and what becomes of it.

    sudo .venv/bin/python tests/systemd                  all of it, in a container
    sudo .venv/bin/python tests/systemd crash exit_2     these checks
    sudo .venv/bin/python tests/systemd --suite trixie   on another Debian
    sudo .venv/bin/python tests/systemd --vm             in a virtual machine
    sudo .venv/bin/python tests/systemd --image          the steps of the Dockerfile

Nothing of this machine is changed but `--folder`. What the container needs: debootstrap
and systemd-container; the virtual machine: qemu-system-x86 besides.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import checks  # noqa: E402
from container_image import image  # noqa: E402
from lab import Lab  # noqa: E402
from lab import put_ai  # noqa: E402
from machine import Container  # noqa: E402
from machine import VirtualMachine  # noqa: E402
from machine import make_tree  # noqa: E402
from readme import Readme  # noqa: E402
from readme import install  # noqa: E402

from airbot.sandbox.site import AirbnbSite  # noqa: E402

HERE = Path(__file__).resolve().parent
SITE_PORT = 8440
NAMES = [check.__name__ for check in (*checks.CHECKS, checks.upgrade)]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python tests/systemd", epilog=f"The checks: {', '.join(NAMES)}."
    )
    parser.add_argument("checks", nargs="*", metavar="CHECK")
    parser.add_argument("--suite", default="bookworm", help="which Debian")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/airbot-systemd"))
    parser.add_argument("--vm", action="store_true", help="in a virtual machine")
    parser.add_argument("--again", action="store_true", help="in the Debian of before")
    parser.add_argument("--image", action="store_true", help="only the Dockerfile")
    parsed = parser.parse_args(argv)
    if unknown := set(parsed.checks) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    parsed.folder.mkdir(parents=True, exist_ok=True)
    if parsed.image:
        return 0 if judge(image, parsed.folder, parsed.suite) else 1
    wanted = parsed.checks or NAMES
    passed = True
    if any(check.__name__ in wanted for check in checks.CHECKS):
        passed = in_one_machine(parsed, wanted)
    if passed and "upgrade" in wanted:
        passed = from_the_first_version(parsed)
    return 0 if passed else 1


def in_one_machine(parsed: argparse.Namespace, wanted: list[str]) -> bool:
    """The checks, up to the first that fails: each stands on those before it."""
    tree = parsed.folder / f"tree-{parsed.suite}"
    where = (parsed.folder, tree, (SITE_PORT, checks.LAKE_PORT))
    with AirbnbSite(port=SITE_PORT) as site:
        if not parsed.again:
            make_tree(tree, parsed.folder, parsed.suite)
            with Container(*where) as machine:
                install(machine, Readme(), site.url)
                put_ai(machine)
                for name in ("probe.py", "broken.py"):
                    machine.write(f"/opt/airbot/{name}", (HERE / name).read_text())
        kind = VirtualMachine if parsed.vm else Container
        with kind(*where) as machine:
            lab = Lab(machine, site)
            chosen = [check for check in checks.CHECKS if check.__name__ in wanted]
            return all(judge(check, lab) for check in chosen)


def from_the_first_version(parsed: argparse.Namespace) -> bool:
    tree = parsed.folder / f"tree-{parsed.suite}-upgrade"
    make_tree(tree, parsed.folder, parsed.suite)
    with (
        AirbnbSite(port=SITE_PORT) as site,
        Container(parsed.folder, tree) as machine,
    ):
        return judge(checks.upgrade, machine, site)


def judge(check: Callable[..., None], *about: object) -> bool:
    began = time.monotonic()
    verdict = "ok"
    try:
        check(*about)
    except checks.NotHere as e:
        verdict = f"not judged: {e}"
    except Exception:
        traceback.print_exc()
        verdict = "FAILED"
    took = time.monotonic() - began
    print(f"{took:6.1f} s  {check.__name__:18}  {verdict}", flush=True)
    return verdict != "FAILED"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
