"""`python -m pipeline.cite`: what names an output, and what it says of outputs that it cannot vouch for."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import bibtexparser
import pytest
import yaml

from pipeline.cite import cite, main
from pipeline.errors import PipelineError
from pipeline.lock import content_md5
from pipeline.wording import as_text
from tests.pipeline.report import project as made

DATASETS = ["subject_number", "part_of_speech", "sentiment", "word_sense", "country_continent", "capital_truth"]
MODELS = ["minilm"]
HEWITT = "hewitt2019designing"


def keys(record: dict[str, Any]) -> set[str]:
    library = bibtexparser.parse_string(record["bibtex"])
    assert not library.failed_blocks
    assert [entry.key for entry in library.entries] == record["keys"]
    return set(record["keys"])


def test_a_taxonomy_is_named_by_all_that_made_it(project: Path) -> None:
    record = cite(Path(), "results/taxonomy/minilm/")
    assert record["warnings"] == []
    assert (record["path"], record["stage"]) == ("results/taxonomy/minilm", "taxonomy@minilm")
    assert record["command"] == "python -m pipeline.stages.taxonomy minilm"
    found = content_md5(project / "results/taxonomy/minilm")
    assert record["outputs"] == [{"path": "results/taxonomy/minilm", "md5": found, "md5_on_disk": found, "same": True}]
    assert record["models"]["minilm"]["weights_sha256"] == "cd" * 32
    assert list(record["datasets"]) == DATASETS
    assert record["datasets"]["sentiment"]["licence"] == "CC-BY-4.0"
    assert record["datasets"]["sentiment"]["source"]["sha256"] == "ab" * 32
    assert record["params"]["probe"]["permutations"] == 1000
    assert record["params"]["models"] == {"minilm": {"source": "somewhere", "revision": "r1"}}
    assert "report" not in record["stages"] and "probe@minilm-sentiment" in record["stages"]
    assert {"zheng2024attention", "hewitt2019designing", "model_minilm", "sentiment2020"} <= keys(record)
    for part in ("6 datasets", "revision r1", "cdcdcdcdcdcd", record["code_commit"][:12], found, "alpha 0.05"):
        assert part in record["sentence"]


def test_the_report_is_cited_as_its_own_provenance_and_references(project: Path) -> None:
    record = cite(Path(), "results/report")
    told = json.loads((project / "results/report/provenance.json").read_text())
    assert record["code_dirty"] is False
    assert {key: record[key] for key in told if key not in ("stages", "params")} == {
        key: told[key] for key in told if key not in ("stages", "params")
    }
    assert {name: stage for name, stage in record["stages"].items() if name != "report"} == told["stages"]
    assert record["params"] == told["params"]
    assert record["bibtex"] == (project / "results/report/references.bib").read_text()


@pytest.mark.parametrize(
    ("path", "stage", "models", "datasets", "key"),
    [
        ("data/examples/sentiment", "examples@sentiment", [], ["sentiment"], "sentiment2020"),
        ("data/examples/sentiment/texts.parquet", "examples@sentiment", [], ["sentiment"], "sentiment2020"),
        (
            "data/activations/minilm/sentiment",
            "extract@minilm-sentiment",
            MODELS,
            ["sentiment"],
            "wolf2020transformers",
        ),
        ("results/probes/minilm/sentiment/heads.parquet", "probe@minilm-sentiment", MODELS, ["sentiment"], HEWITT),
        ("results/probes/minilm/sentiment", "probe@minilm-sentiment", MODELS, ["sentiment"], "zhang2018language"),
        ("results/transfer/minilm", "transfer@minilm", MODELS, DATASETS, "efron1987better"),
        ("results/metrics.json", "report", MODELS, DATASETS, "holm1979simple"),
    ],
)
def test_every_output_is_cited_by_what_made_it_alone(
    project: Path, path: str, stage: str, models: list[str], datasets: list[str], key: str
) -> None:
    record = cite(Path(), path)
    assert (record["stage"], list(record["models"]), list(record["datasets"])) == (stage, models, datasets)
    assert all(out["same"] for out in record["outputs"])
    assert record["warnings"] == []
    assert key in keys(record)
    if (project / path).is_file():
        assert record["file"]["sha256"] == hashlib.sha256((project / path).read_bytes()).hexdigest()


def test_what_a_stage_did_not_use_is_not_cited(project: Path) -> None:
    examples, extract, probe = (keys(cite(Path(), path)) for path in (
        "data/examples/sentiment", "data/activations/minilm/sentiment", "results/probes/minilm/sentiment"
    ))  # fmt: skip
    assert {"model_minilm", "westfall1993resampling", "zheng2024attention"}.isdisjoint(examples)
    assert {"model_minilm", "pedregosa2011scikit"} <= extract and "westfall1993resampling" not in extract
    assert {"westfall1993resampling", HEWITT} <= probe and {"holm1979simple", "voita2020information"}.isdisjoint(probe)
    assert HEWITT not in keys(cite(Path(), "results/probes/minilm/capital_truth"))  # its control task was refused


def test_codelength_is_cited_where_it_was_measured(project: Path) -> None:
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    lock["stages"]["probe@minilm-sentiment"]["params"]["params.yaml"]["probe"]["codelength"] = True
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    record = cite(Path(), "results/probes/minilm/sentiment")
    assert "voita2020information" in keys(record)
    assert any("params.yaml now has other values: probe.codelength" in text for text in record["warnings"])


def change(path: Path, text: str = "changed") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("do", "warning"),
    [
        (lambda root: change(root / "results/taxonomy/minilm/heads.csv"), "not what dvc.lock records: .* on disk"),
        (lambda root: change(root / "results/taxonomy/minilm/new.csv"), r"`dvc repro taxonomy@minilm`"),
        (
            lambda root: shutil.rmtree(root / "results/taxonomy/minilm"),
            "not on this machine, the hash is the one of dvc",
        ),
        (
            lambda root: change(root / "data/specs/sentiment.yaml"),
            "changed since it was made: data/specs/sentiment.yaml",
        ),
        (lambda root: change(root / "dvc.lock", (root / "dvc.lock").read_text() + "\n"), "dvc.lock is not committed"),
        (lambda root: shutil.rmtree(root / ".git"), "not in a git repository"),
        (lambda root: shutil.rmtree(root / "data/examples/sentiment"), "no card in data/examples of sentiment"),
    ],
)
def test_what_a_reader_could_not_trace_is_said(project: Path, do: Any, warning: str) -> None:
    do(project)
    warnings = cite(Path(), "results/taxonomy/minilm")["warnings"]
    assert len(warnings) == 1
    assert re.search(warning, warnings[0])


def test_a_fresh_clone_cites_what_git_has(project: Path) -> None:
    for gone in ("data/examples", "data/activations", "results/probes", "results/transfer", "results/report"):
        shutil.rmtree(project / gone)
    record = cite(Path(), "results/taxonomy/minilm")
    assert record["outputs"][0]["same"]
    assert record["models"]["minilm"] == {"source": "somewhere", "revision": "r1", "weights_sha256": None}
    assert "minilm: source somewhere, revision r1, weights_sha256 not known\n" in as_text(record)
    assert record["datasets"]["sentiment"]["licence"] == "Apache-2.0"  # as its spec says
    assert len(record["warnings"]) == 2
    assert "headatlas_sentiment" in keys(record)
    (project / "data/specs/sentiment.yaml").unlink()
    assert cite(Path(), "results/taxonomy/minilm")["datasets"]["sentiment"]["licence"] == "unknown"


def test_what_a_removed_dataset_left_in_the_lock_is_not_cited(project: Path) -> None:
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    params = lock["stages"]["taxonomy@minilm"]["params"]["params.yaml"]
    params["datasets"] = {name: {} for name in DATASETS if name != "sentiment"}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert "sentiment" not in cite(Path(), "results/taxonomy/minilm")["datasets"]
    assert "sentiment" in cite(Path(), "results/probes/minilm/sentiment")["datasets"]


def test_uncommitted_code_is_said_in_the_sentence(project: Path) -> None:
    change(project / "pipeline/new.py")
    record = cite(Path(), "results/taxonomy/minilm")
    assert record["code_dirty"] is True
    assert "with uncommitted changes" in record["sentence"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("params.yaml", "not an output of any stage that was run"),
        ("data/specs/sentiment.yaml", "read by examples, but not an output of any stage"),
        ("results/probes", r"holds outputs of 6 stages; name one of them: results/probes/minilm/\w+, "),
        ("results", "holds outputs of 9 stages; .* more"),
        (
            "results/taxonomy/minilmm",
            "not there, and dvc.lock records no stage .* did you mean results/taxonomy/minilm",
        ),
        (
            "results/taxonomy/minilm/none.csv",
            "no such file in the output results/taxonomy/minilm; it has assignments.csv",
        ),
        ("results/taxonomy/gpt2", "not there, and dvc.lock records no stage that wrote it"),
        ("..", "not in this project"),
        (".", r"^\.: the whole project; give one of its outputs"),
        ("", r"^\(no path\): the whole project"),
        ("/etc/passwd", "not in this project"),
        ("results/../../x", "not in this project"),
    ],
)
def test_a_path_that_names_no_output_is_refused_with_the_way_out(project: Path, path: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        cite(Path(), path)


def test_a_file_of_an_output_that_is_gone_is_refused(project: Path) -> None:
    shutil.rmtree(project / "results/probes/minilm/sentiment")
    with pytest.raises(
        PipelineError, match=r"the output is not on this machine: make it with `dvc repro probe@minilm-sen"
    ):
        cite(Path(), "results/probes/minilm/sentiment/heads.parquet")
    assert cite(Path(), "results/probes/minilm/sentiment")["outputs"][0]["md5_on_disk"] is None


def test_it_runs_from_the_top_folder_with_any_spelling_of_a_path(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cite(Path(), str(project / "results/taxonomy/minilm"))
    assert cite(Path(), "./results/probes/../taxonomy/minilm")["path"] == whole["path"] == "results/taxonomy/minilm"
    (project.parent / "link").symlink_to(project)
    monkeypatch.chdir(project.parent / "link")
    assert cite(Path(), str(project / "results/metrics.json"))["path"] == "results/metrics.json"
    monkeypatch.chdir(project / "results")
    with pytest.raises(PipelineError, match=r"results: no dvc\.yaml; run from the top folder of the project"):
        cite(Path(), "taxonomy/minilm")


def test_without_a_lock_the_way_out_is_named(project: Path) -> None:
    (project / "dvc.lock").unlink()
    with pytest.raises(PipelineError, match=r"dvc\.lock: no such file, .*`dvc repro`"):
        cite(Path(), "results/taxonomy/minilm")


def test_the_command_prints_text_json_or_bibtex(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["results/taxonomy/minilm"])
    text = capsys.readouterr().out
    assert "content    results/taxonomy/minilm md5" in text and "(as on disk)" in text
    assert "For a methods section:" in text and "WARNING" not in text
    main(["--json", "results/taxonomy/minilm"])
    record = json.loads(capsys.readouterr().out)
    assert record["sentence"] in text and record["bibtex"] in text
    latex = text[text.index("In LaTeX:") : text.index("@misc")]
    assert r", 95 \% intervals from" in latex and r"\cite{head_atlas," in latex and not re.search(r"(?<!\\)%", latex)
    main(["--bibtex", "results/taxonomy/minilm"])
    assert capsys.readouterr().out == record["bibtex"]
    (project / "results/taxonomy/minilm/heads.csv").unlink()
    main(["results/taxonomy/minilm"])
    assert capsys.readouterr().out.startswith("WARNING: results/taxonomy/minilm: not what dvc.lock records")


def test_words_of_a_dataset_cannot_steer_the_terminal(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = project / "data/examples/sentiment/card.json"
    hostile = {"licence": "free\x1b[2J\r\nWARNING: none", "citation": "see \x1b]0;title\x07 and \u202e"}
    card.write_text(json.dumps(json.loads(card.read_text()) | hostile))
    main(["results/taxonomy/minilm"])
    text = capsys.readouterr().out
    assert "licence free" in text
    assert not [character for character in text if character != "\n" and not character.isprintable()]
    assert not [line for line in text.splitlines() if line == "WARNING: none"]


@pytest.mark.slow
def test_it_is_quick_since_it_imports_no_framework() -> None:
    code = "import sys, pipeline.cite, pipeline.release; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=made.ROOT, capture_output=True, text=True, check=True)
    assert "pandas" in done.stdout.split()
    assert {"torch", "transformers", "datasets", "lightning", "sklearn", "matplotlib"}.isdisjoint(done.stdout.split())


def test_of_several_models_only_those_behind_an_output_are_named(
    tmp_path: Path, make_run: Any, nothing_drawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path, models=("first", "other"), layers=2, heads=3)
    made.finish(tmp_path)
    other, whole = cite(Path(), "results/taxonomy/other"), cite(Path(), "results/report")
    assert list(other["models"]) == ["other"] and "model_first" not in keys(other)
    assert "first" not in other["params"]["models"]
    assert list(whole["models"]) == ["first", "other"] and {"model_first", "model_other"} <= keys(whole)
    assert "first (somewhere" in whole["sentence"] and "and other (somewhere" in whole["sentence"]
    with pytest.raises(PipelineError, match="holds outputs of 2 stages; name one of them: results/taxonomy/first, "):
        cite(Path(), "results/taxonomy")
