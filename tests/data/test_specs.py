"""The bundled specs, read and built as the examples stage does."""

from pathlib import Path

import pytest

from data.card import build_card
from data.examples import build_examples
from data.sources import GENERATORS, read_source
from data.spec import GeneratorSource, load_spec

TOP = Path(__file__).parents[2]
SPECS = sorted((TOP / "data/specs").glob("*.yaml"))
READ = {
    "subject_number": ("syntactic", "span"),
    "part_of_speech": ("syntactic", "span"),
    "sentiment": ("semantic", "last"),
    "word_sense": ("semantic", "span"),
    "country_continent": ("factual", "span"),
    "capital_truth": ("truth", "last"),
    "number_comparison": ("truth", "last"),
    "negated_fact": ("truth", "last"),
    "element_symbol": ("truth", "last"),
    "sentence_language": ("expression", "span"),
    "answer_letter": ("expression", "last"),
    "formality": ("expression", "last"),
}


def test_every_generator_has_a_spec() -> None:
    specs = [load_spec(path) for path in SPECS]
    assert {spec.source.generator for spec in specs if isinstance(spec.source, GeneratorSource)} == set(GENERATORS)
    assert {spec.dataset: (spec.family, spec.readout) for spec in specs} == READ
    assert all(spec.feature == spec.dataset and spec.licence == "Apache-2.0" for spec in specs)
    assert all(f"@misc{{headatlas_{spec.dataset}," in spec.citation for spec in specs)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_bundled_dataset_builds_without_warnings(path: Path) -> None:
    spec = load_spec(path)
    raw = read_source(spec, TOP)
    examples = build_examples(spec, raw.rows, n_folds=5, seed=0)
    card = build_card(spec, raw, examples, surface=1 / examples.labels["label"].nunique())
    assert (card["warnings"], card["dropped"]) == ([], {})
    assert len(set(card["classes"].values())) == 1
