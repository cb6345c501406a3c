"""Published probing files, read where they lie; skipped where they are not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from data.card import build_card
from data.examples import Examples, build_examples
from data.sources import read_source
from data.spec import load_spec
from data.surface import surface_accuracy

Write = Callable[..., Path]
FOLDER = Path(__file__).parents[2].parent / "shared" / "datasets"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no published files in {FOLDER}")


def _build(spec_file: Path) -> Examples:
    spec = load_spec(spec_file)
    return build_examples(spec, read_source(spec, Path()).rows, n_folds=5, seed=0)


def test_geometry_of_truth_cities(write_spec: Write) -> None:
    spec_file = write_spec(
        family="truth", readout="last", labels={0: "false", 1: "true"},
        source={"path": str(FOLDER / "geometry_of_truth/cities.csv")},
        columns={"text": "statement", "label": "label", "group": "city", "control_key": "country"},
    )  # fmt: skip
    spec = load_spec(spec_file)
    raw = read_source(spec, Path())
    examples = build_examples(spec, raw.rows, n_folds=5, seed=0)
    labels = examples.labels
    surface = surface_accuracy(list(examples.texts["text"]), list(labels["label"]), list(labels["fold"]))
    card = build_card(spec, raw, examples, surface)
    assert (card["n_examples"], card["n_groups"], card["classes"]) == (1496, 748, {"false": 748, "true": 748})
    assert [len(card["warnings"]), card["warnings"][0][-64:]] == [1, raw.sha256]
    assert surface == pytest.approx(0.5, abs=0.05)  # each city occurs once with each label, in one fold


def test_blimp_targets(write_spec: Write) -> None:
    label = "one_prefix_word_good"
    columns = {"text": "sentence_good", "label": label, "target": label, "id": "pairID"}
    source = {"path": str(FOLDER / "blimp/anaphor_gender_agreement.jsonl")}
    examples = _build(write_spec(family="syntactic", source=source, columns=columns))
    assert sorted(examples.texts["example_id"], key=int) == [str(i) for i in range(1000)]
    spans = [text[a:b] for text, a, b in zip(*(examples.texts[key] for key in ("text", "start", "end")), strict=True)]
    assert spans == list(examples.labels["label"])
