"""Every run of the tests ends with a look at all that was logged (see conftest.py)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT
from support.paths import own_environment

LOGS = """
import logging

def test_logs():
    logging.getLogger("airbot.send").info({said!r})
"""


@pytest.mark.parametrize(
    ("said", "code"), [("1 reply", 0), ("told maya@example.com", 1)]
)
def test_a_run_that_logs_what_it_must_not_fails(
    tmp_path: Path, said: str, code: int
) -> None:
    file = tmp_path / "test_logs_one_line.py"
    file.write_text(LOGS.format(said=said))
    its = tmp_path / "its"
    options = ["-q", "-p", "conftest", "-p", "no:cacheprovider", "-c", "setup.cfg"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={its}", file],
        cwd=ROOT,
        env=own_environment(),
        capture_output=True,
        text=True,
    )
    shutil.rmtree(its)  # or the run that this is a test of would find its line
    assert run.returncode == code, run.stdout
    assert "1 passed" in run.stdout
    assert ("told maya@example.com" in run.stdout) == bool(code)
