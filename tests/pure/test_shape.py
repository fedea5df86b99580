"""The shape of a 2xx that is no answer: told in words, and never by what it says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbot.contract.payload import answer_in
from airbot.contract.shape import shape_of


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b'{"text": "Yes."}', "the keys text"),
        (b'{"message": "Workflow was started"}', "the keys message"),
        (b'{"action": "Reply", "message": "Yes."}', "the keys action, message"),
        (b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}', "the keys a, b, c, d, e, …"),
        (b'{"Dear guest, yes!": 1}', "the keys …"),
        (b"{}", "an empty JSON object"),
        (b'[{"output": "Yes."}]', "a JSON list of 1, the first with the keys output"),
        (b"[]", "a JSON list of 0"),
        (b'"Yes."', "JSON that is text alone"),
        (b"true", "JSON that is true or false alone"),
        (b"7", "JSON that is a number alone"),
        (
            b'```json\n{"action": "reply", "message": "Yes."}\n```',
            "the keys action, message, inside a code fence (```)",
        ),
        (b"<!DOCTYPE html><p>Log in", "an HTML page"),
        (b'data: {"text": "Yes."}\n\n', "a stream of events (SSE): turn streaming off"),
        (b"Yes, it is.", "text that is not JSON"),
        (b"\xff\xfe\x00", "text that is not JSON"),
        (None, "more than 1 MB"),
    ],
)
def test_the_form_is_named(body: bytes | None, words: str) -> None:
    assert shape_of(body) == words
    assert answer_in(body).shape == words


def test_the_kind_of_the_answer_counts_where_its_beginning_does_not_tell() -> None:
    assert shape_of(b"Log in", "text/html; charset=utf-8") == "an HTML page"
    assert "SSE" in shape_of(b": ping", "text/event-stream")


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_no_text_of_an_answer_is_ever_in_its_shape(said: object) -> None:
    marked = {"text": "CANARY", "more": [said, "CANARY"]}
    for body in (marked, [marked], f"CANARY {said}"):
        assert "CANARY" not in shape_of(json.dumps(body).encode())
