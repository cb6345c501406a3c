"""The question to a tokenizer, and how its process may end; tests/pipeline/test_reading.py runs the real one."""

import json
import subprocess
from typing import Any

import pandas as pd
import pytest

from data.errors import DataError
from data.reading import Reading, TokensRead, ask_model

TEXTS = pd.DataFrame({"example_id": ["a", "b"], "text": ["é😀", "cat"], "start": [0, 0], "end": [1, 3], "more": 1})
ANSWER = {"context": None, "n_too_long": 1, "refusals": ["no"]}
ANSWER |= {"examples": [{"example_id": "b", "tokens": ["cat"], "n_tokens": 1, "first": 0, "last": None}]}


def _answer(monkeypatch: pytest.MonkeyPatch, status: int, out: str, err: str) -> list[Any]:
    """Let every process end like this; returns what they were asked."""
    asked: list[Any] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command[1:], options["input"]))
        return subprocess.CompletedProcess(command, status, out, err)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_the_examples_go_out_and_the_tokens_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _answer(monkeypatch, 0, json.dumps(ANSWER), "a warning of some library")
    reading = ask_model("tiny", "span", "drop", TEXTS, ["b"])
    assert reading == Reading(None, 1, ("no",), {"b": TokensRead(("cat",), 0, None)})
    ((command, request),) = asked
    assert command == ["-m", "pipeline.reading", "tiny"]
    assert request.isascii()  # so that no locale can spoil it
    assert json.loads(request) == {
        **{"readout": "span", "too_long": "drop", "shown": ["b"]},
        "examples": [
            {"example_id": "a", "text": "é😀", "start": 0, "end": 1},
            {"example_id": "b", "text": "cat", "start": 0, "end": 3},
        ],
    }


@pytest.mark.parametrize(
    ("err", "message"),
    [
        ("error: no such model\n", "no such model"),
        (
            "UserWarning: error: of old\nerror: the tokenizer does not load: of\ntwo lines\n",
            "the tokenizer .*: of\ntwo lines",
        ),
        ("Traceback:\nKeyError: 1\n", "python -m pipeline.reading tiny failed:\nTraceback:\nKeyError: 1"),
        ("", "python -m pipeline.reading tiny failed:\n"),
    ],
)
def test_a_process_that_fails_is_quoted(err: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, 1, "", err)
    with pytest.raises(DataError, match=f"^{message}$"):
        ask_model("tiny", "span", "drop", TEXTS, [])
