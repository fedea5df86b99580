"""Settings in a folder of the test's own, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

import pytest

from airbot import config as config_module
from airbot.config import Config
from airbot.config import load_config
from airbot.exceptions import ConfigError

HUSH = "hush " * 4 + "hush"
AI_URL = "http://localhost:5678/webhook/airbnb"
AI = {"ai.webhook_url": AI_URL}
ENV = {"AI_WEBHOOK_URL": AI_URL}

Write = Callable[..., Path]


@pytest.fixture
def no_system_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_module, "SYSTEM_CONFIG", tmp_path / "etc/config.ini")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file into the working folder, config.ini if no other is named."""

    def write(text: str, name: str = "config.ini") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems_of(values: Mapping[str, object], base: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Config.from_values({**AI, **values}, base)
    return caught.value.problems


def problems_in(folder: Path, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(environ=ENV if environ is None else environ, cwd=folder)
    return caught.value.problems
