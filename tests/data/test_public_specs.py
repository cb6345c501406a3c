"""The specs for public sets: against their files where those lie, and against rows in the shape of the hub's."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from data.examples import Examples, build_examples
from data.sources import read_source
from data.spec import load_spec
from data.surface import surface_accuracy

TOP = Path(__file__).parents[2]
FOLDER = TOP.parent / "shared" / "datasets"
published = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no published files in {FOLDER}")

# spec: rows read, examples kept, classes, groups, surface
FOUND = {
    "ag_news_files": (7600, 2000, 4, 1992, 0.797),
    "azaria_capitals_files": (1458, 1428, 2, 477, 0.452),
    "azaria_cities_files": (10000, 2999, 2, 1660, 0.684),
    "azaria_companies_neg_files": (1100, 1000, 2, 217, 0.517),
    "azaria_generated_files": (245, 244, 2, 244, 0.750),
    "bless_files": (26554, 2000, 4, 392, 0.559),
    "blimp_agreement_files": (3000, 3000, 2, 1500, 0.588),
    "cola_files": (9078, 2999, 2, 13, 0.579),
    "fever_symmetric_files": (708, 708, 2, 177, 0.513),
    "got_cities_conj_files": (1498, 1498, 2, 647, 0.485),
    "got_cities_files": (1496, 1496, 2, 748, 0.499),
    "got_common_claim_files": (20000, 3000, 3, 3000, 0.407),
    "got_companies_files": (1200, 1200, 2, 202, 0.499),
    "got_larger_than_files": (1980, 1980, 2, 48, 0.910),
    "got_neg_cities_files": (1496, 1496, 2, 748, 0.499),
    "got_smaller_than_files": (1980, 1980, 2, 48, 0.910),
    "known_facts_files": (1012, 2022, 2, 1011, 0.526),
    "lre_landmark_on_continent_files": (947, 208, 4, 208, 0.462),
    "lre_object_superclass_files": (76, 36, 4, 36, 0.278),
    "lre_person_native_language_files": (919, 212, 4, 212, 0.514),
    "lre_person_plays_instrument_files": (513, 204, 4, 204, 0.265),
    "lre_product_by_company_files": (522, 223, 2, 223, 0.843),
    "lre_word_sentiment_files": (60, 59, 3, 59, 0.356),
    "mmlu_letters_files": (2511, 2510, 4, 2494, 0.296),
    "senteval_bigram_shift_files": (90, 90, 2, 90, 0.467),
    "senteval_past_present_files": (90, 90, 2, 90, 0.611),
    "senteval_subj_number_files": (90, 90, 2, 90, 0.544),
    "sst2_files": (9613, 1999, 2, 1999, 0.691),
    "truthfulqa_files": (817, 2969, 2, 384, 0.714),
    "ud_ewt_deprel_files": (50241, 2000, 4, 336, 0.423),
    "ud_ewt_number_files": (50241, 2000, 2, 501, 0.629),
    "ud_ewt_upos_files": (50241, 2000, 5, 203, 0.318),
    "wic_files": (5428, 3000, 2, 734, 0.538),
}  # fmt: skip
BLIMP = sorted(FOLDER.glob("blimp/*.jsonl"))


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the shipped specs, and the published files where the specs expect them."""
    shutil.copytree(TOP / "data/specs", tmp_path / "data/specs")
    (tmp_path / "data/public").symlink_to(FOLDER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _build(name: str) -> tuple[int, Examples]:
    spec = load_spec(Path(f"data/specs/{name}.yaml"))
    raw = read_source(spec, Path())
    return raw.n_read, build_examples(spec, raw.rows, n_folds=5, seed=0)


def _surface(examples: Examples) -> float:
    labels = examples.labels
    return surface_accuracy(list(examples.texts["text"]), list(labels["label"]), list(labels["fold"]))


@published
@pytest.mark.parametrize("name", FOUND)
def test_a_published_set_is_read(public: Path, name: str) -> None:
    n_read, examples = _build(name)
    labels = examples.labels
    found = n_read, len(labels), labels["label"].nunique(), labels["group"].nunique()
    assert found == FOUND[name][:4]
    assert _surface(examples) == pytest.approx(FOUND[name][4], abs=0.02)


def test_every_spec_of_files_is_read_above() -> None:
    assert set(FOUND) == {path.stem for path in (TOP / "data/specs").glob("*_files.yaml")}


@published
@pytest.mark.parametrize("path", BLIMP, ids=lambda path: path.stem)
def test_a_paradigm_of_blimp_from_its_file(public: Path, path: Path) -> None:
    spec = f"include: shared/blimp_rows.yaml\nfeature: paradigm\nsource: {{path: data/public/blimp/{path.name}}}\n"
    (public / "data/specs/paradigm.yaml").write_text(spec, encoding="utf-8")
    n_read, examples = _build("paradigm")
    pairs = examples.labels.groupby("group")["label"].apply(sorted).map(tuple).value_counts()
    assert n_read == 1000
    assert pairs.get(("acceptable", "unacceptable"), 0) >= 900  # a sentence may occur in two pairs


@published
def test_spans_of_the_treebank_are_its_words(public: Path) -> None:
    spec = load_spec(Path("data/specs/ud_ewt_upos_files.yaml"))
    raw = read_source(spec, Path())
    rows = raw.rows.assign(form=raw.source["form"], upos=raw.source["upos"])
    rows = rows[rows["upos"] == "NOUN"]
    spans = [text[int(start) : int(end)] for text, start, end in rows[["text", "start", "end"]].itertuples(index=False)]
    same = sum(span == form for span, form in zip(spans, rows["form"], strict=True))
    assert same / len(spans) > 0.99  # the others are parts of multiword tokens such as "dog's"


def _rows(n: int, row: Callable[[int], dict[str, Any]]) -> datasets.Dataset:
    return datasets.Dataset.from_list([row(at) for at in range(n)])


# hub spec: a row in the shape of the hub's, by number; then the first text, its label and its group
SHAPES: dict[str, tuple[Callable[[int], dict[str, Any]], str, str, str]] = {
    "blimp_passive_1": (
        lambda at: {"sentence_good": f"{at} good.", "sentence_bad": f"{at} bad.", "UID": "passive_1", "pair_id": at,
                    "simple_LM_method": True},
        "0 good.", "acceptable", '["passive_1", "0"]'),
    "cola": (lambda at: {"sentence": f"Text {at}", "label": at % 2, "idx": at}, "Text 0", "unacceptable", "Text 0"),
    "sst2": (lambda at: {"idx": at, "sentence": f"text {at}", "label": at % 2}, "text 0", "negative", "text 0"),
    "wic": (
        lambda at: {"word": f"w{at}", "sentence1": "One.", "sentence2": "Two.", "start1": 0, "label": at % 2},
        "One. Two. w0", "different", "w0"),
    "ag_news": (lambda at: {"text": f"Title {at}", "label": at % 4}, "Title 0", "world", "Title 0"),
    "truthfulqa": (
        lambda at: {"question": f"Who {at}?", "correct_answers": ["I", "You"], "incorrect_answers": ["They"]},
        "Q: Who 0? A: I", "true", "Who 0?"),
    "mmlu_letters": (
        lambda at: {"question": f"Who {at}?", "choices": ["a", "b", "c", "d"], "answer": at % 4},
        "Who 0?\nA. a\nB. b\nC. c\nD. d\nAnswer:", "A", "Who 0?"),
    "senteval_past_present": (
        lambda at: {"sentence": f"text {at}", "label": at % 2}, "text 0", "0", "text 0"),
    "senteval_tree_depth_cls": (
        lambda at: {"sentence": f"text {at}", "label": at % 2}, "text 0", "0", "text 0"),
    "senteval_word_content_last": (
        lambda at: {"sentence": f"text {at}", "label": at % 2 * 990}, "text 1", "990", "text 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_rows_in_the_shape_of_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row, text, label, group = SHAPES[name]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: _rows(40, row))
    monkeypatch.chdir(TOP)
    _, examples = _build(name)
    table = examples.texts.merge(examples.labels).set_index("text")
    assert (table.loc[text, "label"], table.loc[text, "group"]) == (label, group)
