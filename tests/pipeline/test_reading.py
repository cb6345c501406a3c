"""Which tokens would be read: the answer of the process, and the preview of a dataset that asks it."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from data import check
from data.errors import DataError
from pipeline import reading
from pipeline.errors import PipelineError
from pipeline.reading import describe, parse_request, shown_tokens

PARAMS: dict[str, Any] = {
    **{"examples": {"folds": 3, "seed": 0}, "extract": {}, "probe": {}, "taxonomy": {}, "report": {}},
    **{"models": {"tiny": {"source": "./model"}, "gone": {"source": "./gone"}}, "datasets": {"toy": {}}},
}
SPEC: dict[str, Any] = {
    **{
        "description": "Which noun?",
        "feature": "noun",
        "family": "semantic",
        "licence": "CC0-1.0",
        "citation": "Nobody",
    },
    **{"readout": "span", "too_long": "error", "source": {"path": "toy.csv"}},
    "columns": {"text": "text", "label": "kind", "start": "start", "end": "end", "group": "frame", "id": "id"},
}
ROWS = [("a", "the cats run", 4, 8), ("b", "cat", 0, 3), ("c", "the cats run", 9, 12)]


@pytest.fixture
def project(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params and a model that has no weights."""
    shutil.copytree(model_folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _request(rows: list[tuple[str, str, int, int]], **changes: Any) -> str:
    examples = [dict(zip(("example_id", "text", "start", "end"), row, strict=True)) for row in rows]
    return json.dumps({"readout": "span", "too_long": "error", "examples": examples} | changes)


def _ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: str, model: str = "tiny"
) -> dict[str, Any]:
    monkeypatch.setattr("sys.stdin", io.StringIO(request))
    reading.main([model])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.usefixtures("project")
def test_it_tells_tokens_and_context_without_the_weights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = ["[CLS]", "the", "cat", "##s", "run", "[SEP]"]
    assert _ask(monkeypatch, capsys, _request(ROWS, shown=["c", "a"])) == {
        **{"context": 20, "n_too_long": 0, "refusals": []},
        "examples": [
            {"example_id": "a", "tokens": tokens, "n_tokens": 6, "first": 3, "last": 3},
            {"example_id": "c", "tokens": tokens, "n_tokens": 6, "first": 4, "last": 4},
        ],
    }


@pytest.mark.usefixtures("project")
def test_without_a_choice_all_examples_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = _ask(monkeypatch, capsys, _request(ROWS, readout="mean"))["examples"]
    assert [(row["example_id"], row["first"], row["last"]) for row in examples] == [
        ("a", 2, 3),
        ("b", 1, 1),
        ("c", 4, 4),
    ]


@pytest.mark.usefixtures("project")
def test_the_opening_token_is_told_as_the_one_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = _ask(monkeypatch, capsys, _request(ROWS, readout="first"))["examples"]
    assert [(row["first"], row["last"], row["tokens"][0]) for row in examples] == [(0, 0, "[CLS]")] * 3


def test_what_the_stage_would_refuse_is_told_with_its_messages(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True)
    request = parse_request(_request([*ROWS, ("d", "the cat", 3, 4)]))
    answer = describe(tokenizer, 5, request)
    untouched, too_long = answer["refusals"]
    assert untouched.startswith("1 examples have a span that no token touches, first d; the tokenizer drops")
    assert too_long.startswith(
        "2 of 4 texts have more tokens than the model's context of 5, first a (6), c (6); shorten"
    )
    assert answer["n_too_long"] == 2
    assert answer["examples"][3] | {"tokens": []} == {
        **{"example_id": "d", "tokens": [], "n_tokens": 4, "first": None, "last": None},
    }


def test_texts_that_are_dropped_are_counted(tokenizer_of: Callable[..., Any]) -> None:
    request = parse_request(_request(ROWS, too_long="drop"))
    answer = describe(tokenizer_of("wordpiece", specials=True), 5, request)
    assert (answer["n_too_long"], answer["refusals"]) == (2, [])
    assert describe(tokenizer_of("wordpiece", specials=True), None, request)["n_too_long"] == 0


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("wordpiece", "the cats", ["the", "cat", "##s"]),
        ("metaspace", "é cat", ["▁", "é", "▁cat"]),
        ("llama", "é😀", ["▁", "é", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>"]),
        ("byte_level", "the cat x", ["the", " cat", " ", "x"]),
        (
            "byte_level",
            "é\n",
            ["Ã", "©", "Ċ"],
        ),  # half characters and what cannot be seen stay as the vocabulary has them
    ],
)
def test_tokens_are_shown_as_the_vocabulary_has_them_or_as_text(
    kind: str, text: str, shown: list[str], tokenizer_of: Callable[..., Any]
) -> None:
    tokenizer = tokenizer_of(kind, specials=True)
    assert shown_tokens(tokenizer, tokenizer(text)["input_ids"]) == ["[CLS]", *shown, "[SEP]"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError: 'examples'"),
        ('{"examples": []}', "KeyError: 'readout'"),
        ('{"examples": [{"example_id": "a"}]}', "KeyError: 'start'"),
        ('{"examples": [{"example_id": "a", "start": "x", "end": 1}]}', "ValueError"),
    ],
)
def test_a_malformed_request_is_refused(request_: str, message: str) -> None:
    with pytest.raises(PipelineError, match=rf'^standard input: expected {{"readout": .*; {message}'):
        parse_request(request_)


@pytest.fixture
def toy(project: Path) -> pd.DataFrame:
    """Four nouns in six frames; also written to toy.csv with its spec."""
    frames = ["the {} ran", "a {} sat", "my {} won", "that {} can", "his {} slept", "one {} sang"]
    kinds = {"cat": "animal", "cats": "animal", "run": "act", "runs": "act"}
    rows = [
        (frame.format(noun), kind, frame.index("{"), frame.index("{") + len(noun), frame, f"{noun}-{i}")
        for i, frame in enumerate(frames)
        for noun, kind in kinds.items()
    ]
    table = pd.DataFrame(rows, columns=["text", "kind", "start", "end", "frame", "id"])
    _write(table)
    return table


def _write(table: pd.DataFrame, **changes: Any) -> None:
    table.to_csv("toy.csv", index=False)
    Path("data/specs").mkdir(parents=True, exist_ok=True)
    Path("data/specs/toy.yaml").write_text(yaml.safe_dump(SPEC | changes), encoding="utf-8")


def _check(model: str) -> None:
    check.main(["data/specs/toy.yaml", "--model", model])


@pytest.mark.slow
def test_the_preview_shows_the_tokens_read(toy: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    _check("tiny")
    shown = capsys.readouterr().out
    assert "animal: the »cat« ran\n    [CLS]│the│»cat«│r│##a│##n│[SEP]  position 2 of 7\n" in shown
    assert shown.count("[CLS]") == shown.count("[SEP]") == 5
    assert "positions are counted from 0; the model reads at most 20 tokens\n" in shown
    assert "have more" not in shown


@pytest.mark.slow
def test_the_preview_counts_the_texts_that_are_dropped(toy: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    _write(toy.assign(text=toy["text"] + [" x" * 20 * (i < 7) for i in range(len(toy))]), too_long="drop")
    _check("tiny")
    assert "\n7 examples have more; `too_long: drop` leaves them out\n" in capsys.readouterr().out


@pytest.mark.slow
def test_the_preview_ends_with_what_the_stage_would_refuse(
    toy: pd.DataFrame, tokenizer_of: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer_of("bert", specials=True, limit=20).save_pretrained("model")
    lost = toy["id"] == "cat-0"
    toy.loc[lost, ["text", "start", "end"]] = ["the \u0301 cat", 4, 5]  # an accent alone, which this tokenizer strips
    _write(toy.assign(text=toy["text"] + [" x" * 20 * (i > 20) for i in range(len(toy))]))
    message = (
        r"^data/specs/toy\.yaml: extract refuses it with tiny: 1 examples have a span that no token touches, first "
        r"cat-0; the tokenizer drops .*; 3 of 24 texts have more tokens than the model's context of 20, first cats-5 "
    )
    with pytest.raises(DataError, match=message):
        _check("tiny")
    expected = "animal: the »\u0301« cat\n    [CLS]│the│cat│[SEP]  no token touches the span, none of 4\n"
    assert expected in capsys.readouterr().out


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("tinny", r"^params\.yaml: models\.tinny is not there; it has gone, tiny; did you mean 'tiny'\?$"),
        ("gone", r"^params\.yaml: models\.gone\.source: \./gone is not a folder; give one, or a hub id such as gpt2$"),
    ],
)
def test_a_model_that_is_not_there_ends_the_check(model: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=message):
        _check(model)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_tokenizer_that_does_not_load_ends_the_check(toy: pd.DataFrame) -> None:
    Path("model/tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"^\./model: the tokenizer does not load: "):
        _check("tiny")
