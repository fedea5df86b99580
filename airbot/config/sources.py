"""Where settings stand: config.ini, `.env`, systemd's credentials, the environment.

Each gives `{"section.key": Given}`; what is wrong with it is added to `problems`, in
words that name the place and never quote a secret.
"""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterable
from collections.abc import Mapping
from configparser import DuplicateOptionError
from configparser import DuplicateSectionError
from configparser import MissingSectionHeaderError
from configparser import ParsingError
from configparser import RawConfigParser
from pathlib import Path
from typing import NamedTuple

from dotenv.parser import Binding
from dotenv.parser import parse_stream

from airbot.config.sections import CREDENTIALS
from airbot.config.sections import CREDENTIALS_FOLDER
from airbot.config.sections import OPTIONS
from airbot.config.sections import SECTIONS


class Given(NamedTuple):
    text: str
    origin: str  # what a problem with it is called, so that a person finds the place
    file: Path | None = None  # in which it stands


def read_ini(path: Path, problems: list[str]) -> dict[str, Given]:
    try:
        text = read_text(path)
    except ValueError as e:
        problems.append(f"{path} {e}")
        return {}
    values = _parse_ini(text, str(path), problems)
    problems += unknown_names(values, f"{path}: ")
    return {n: Given(value, f"{path}: {n}", path) for n, value in values.items()}


def _parse_ini(text: str, file: str, problems: list[str]) -> dict[str, str]:
    """`{"section.key": value}`; each line at fault is blanked and the rest read on."""
    # Taking the "#" off "# key = value" leaves an indented line, which an ini reader
    # takes for more of the value above.
    lines = [line.strip() for line in text.split("\n")]
    strict = True
    while True:
        # No default section: [DEFAULT] would put its keys into every other one.
        parser = RawConfigParser(strict=strict, delimiters=("=",), default_section="")
        try:
            parser.read_string("\n".join(lines))
        except DuplicateSectionError as e:
            problems.append(f"{file} line {e.lineno}: [{e.section}] is there twice")
            strict = False
        except DuplicateOptionError as e:
            name = f"{e.section}.{e.option}"
            problems.append(f"{file} line {e.lineno}: {name} is there twice")
            lines[(e.lineno or 0) - 1] = ""
        except MissingSectionHeaderError as e:
            problems.append(f"{file} line {e.lineno}: there is no [section] above it")
            _blank_section(lines, e.lineno)
        except ParsingError as e:
            for number, _ in e.errors:  # its text may be a secret
                problems.append(f"{file} line {number}: is not 'key = value'")
                lines[number - 1] = ""
        else:
            problems += _unknown_sections(parser.sections(), f"{file}: ")
            return {
                f"{section}.{key}": value
                for section in SECTIONS
                if parser.has_section(section)
                for key, value in parser.items(section)
            }


def _blank_section(lines: list[str], number: int) -> None:
    """Blank line `number` (from 1) and all below it up to the next [section]."""
    lines[number - 1] = ""
    while number < len(lines) and not lines[number].startswith("["):
        lines[number] = ""
        number += 1


def _unknown_sections(names: Iterable[str], prefix: str) -> list[str]:
    return [
        f"{prefix}unknown section [{name}]{_hint(name, SECTIONS, '[{}]')}"
        for name in names
        if name not in SECTIONS
    ]


def unknown_names(names: Iterable[str], prefix: str = "") -> list[str]:
    known = [option.name for option in OPTIONS]
    return [
        f"{prefix}unknown key {name}{_hint(name, known)}"
        for name in names
        if name not in known
    ]


def _hint(name: str, known: Iterable[str], form: str = "{}") -> str:
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f", did you mean {form.format(near[0])}?" if near else ""


def read_dotenv(path: Path, problems: list[str]) -> Mapping[str, str | None]:
    if not os.path.exists(path):
        return {}
    try:
        text = read_text(path)
    except ValueError as e:
        problems.append(f"{path} {e}")
        return {}
    lines = [*parse_stream(io.StringIO(text))]
    problems += [_unreadable(path, line) for line in lines if line.error]
    return {line.key: line.value for line in lines if line.key and not line.error}


def _unreadable(path: Path, line: Binding) -> str:
    # What cannot be read begins with the blank lines above it.
    text = line.original.string
    number = line.original.line + text[: -len(text.lstrip())].count("\n")
    return f"{path} line {number}: is not NAME=value, or a quote in it is not closed"


def from_credentials(
    environ: Mapping[str, str], problems: list[str]
) -> dict[str, Given]:
    """What systemd hands over: LoadCredential=webhook.secret:/etc/airbot/secret"""
    folder, given = environ.get(CREDENTIALS_FOLDER, ""), {}
    for name in CREDENTIALS if folder else ():
        path = Path(folder, name)
        if not os.path.exists(path):
            continue
        try:
            text = read_text(path).strip()
            if not text:
                raise ValueError("is empty")
            given[name] = Given(text, f"credential {name}")
        except ValueError as e:
            problems.append(f"credential {name} {e}")
    return given


def from_environment(
    values: Mapping[str, str | None], where: str, file: Path | None = None
) -> dict[str, Given]:
    """What `values` has for us; other programs' names are none of our business."""
    given = {}
    for option in OPTIONS:
        text = (values.get(option.env) or "").strip() if option.env else ""
        if text:
            given[option.name] = Given(text, option.env + where, file)
    return given


def read_text(path: Path) -> str:
    """ValueError says why not, in words that follow the path."""
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows editors add the mark
    except OSError as e:
        raise ValueError(f"cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise ValueError("cannot be read: it is not UTF-8 text") from e
