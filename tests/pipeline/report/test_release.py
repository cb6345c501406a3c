"""`python -m pipeline.release`: what is in it, what is kept out of it, and the same bytes wherever it is made."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from pipeline.lock import content_md5
from pipeline.readme import readme
from pipeline.release import main, release
from tests.pipeline.report import project as made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes DVC's word for granted; `test_dvc_is_asked` asks it."""
    monkeypatch.setattr("pipeline.releasable._status", lambda root: {})
    monkeypatch.setenv("PYTHONPATH", str(made.ROOT))  # the page is made by a process of its own


@pytest.fixture
def restricted(run: Path, nothing_drawn: None) -> Path:
    """A finished project with a dataset that may not be passed on."""
    path = run / f"data/examples/{made.RESTRICTED}/card.json"
    card = json.loads(path.read_text()) | {"licence": "CC-BY-NC-4.0"}
    card["source"] = {"kind": "hub", "hub": "a/b", "revision": "f" * 40, "split": "train", "sha256": "12" * 32}
    for example in card["examples"]:
        example.update(text=made.SECRET, start=2, end=6)
    card["findings"] = [{"severity": "note", "about": "x", "message": f"'{made.SECRET}' is there twice"}]
    card["warnings"] = [f"'{made.SECRET}' is there twice"]
    path.write_text(json.dumps(card))
    made.finish(run)
    return run


def unpacked(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def entities(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    return {entity["@id"]: entity for entity in json.loads(files["ro-crate-metadata.json"])["@graph"]}


def test_a_release_holds_the_run_and_names_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    said = capsys.readouterr().out
    (path,) = (project / "results/release").iterdir()
    commit = made.git(project, "rev-parse", "HEAD")
    assert path.name == f"head-atlas-{commit[:12]}.zip"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said and "zenodo.org" in said
    files = unpacked(path)
    assert next(iter(files)) == "ro-crate-metadata.json"
    for name in ("results/report/index.html", "results/taxonomy/minilm/heads.csv", "results/metrics.json", "dvc.lock",
                 "results/probes/minilm/sentiment/predictions.parquet", "data/examples/sentiment/texts.parquet",
                 "results/report/references.bib", "results/transfer/minilm/summary.json", "code.tar"):  # fmt: skip
        assert name in files
    said = files["README.txt"].decode()
    assert (
        commit in said and "Apache-2.0, whose text" in said and "the weights of minilm: somewhere, revision r1" in said
    )
    assert "- CC-BY-4.0: " in said and "make repro" in said and "predictions of" not in said  # none is withheld
    assert files["results/report/index.html"] == (project / "results/report/index.html").read_bytes()
    assert not [name for name in files if name.startswith(("data/activations", ".git", "results/release"))]
    assert made.git(project, "status", "--porcelain") == ""  # the release itself is ignored


def test_every_file_is_described_and_every_description_is_true(project: Path, tmp_path: Path) -> None:
    path, _ = release(tmp_path / "out")
    files = unpacked(path)
    crate = ROCrate(path)
    described = {file.id: file for file in crate.get_by_type("File")}
    assert set(described) == set(files) - {"ro-crate-metadata.json"}
    for name, file in described.items():
        assert file["contentSize"] == str(len(files[name]))
        assert file["sha256"] == hashlib.sha256(files[name]).hexdigest()
        assert file["description"] and file["encodingFormat"] and file["name"] == name
    assert {part.id for part in crate.root_dataset["hasPart"]} >= set(described)


def test_the_crate_says_what_it_is(project: Path, tmp_path: Path) -> None:
    path, _ = release(tmp_path / "out")
    root = ROCrate(path).root_dataset
    assert "minilm" in root["name"] and "6 datasets" in root["description"]
    assert root["license"].id == "https://spdx.org/licenses/Apache-2.0"
    assert root["author"]["name"] == "Head Atlas contributors"
    assert str(json.loads(unpacked(path)["ro-crate-metadata.json"])).count("2026-03-04T04:06:08Z") == 1
    found = entities(unpacked(path))
    assert found["./"]["datePublished"] == "2026-03-04T04:06:08Z"
    assert found["./"]["version"] == made.git(project, "rev-parse", "HEAD")
    assert found["#model-minilm"]["version"] == "r1" and found["#model-minilm"]["sha256"] == "cd" * 32
    data = found["data/examples/sentiment/"]
    assert data["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert data["sha256"] == "ab" * 32 and "sentiment2020" in data["creditText"]
    assert {"@id": "data/examples/sentiment/"} in found["#run"]["object"]
    assert {part["@id"] for entity in found.values() for part in refs(entity)} <= set(found)


def refs(entity: dict[str, Any]) -> list[dict[str, str]]:
    values = [value for key, value in entity.items() if key != "conformsTo"]
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [one for one in flat if isinstance(one, dict)]


def test_code_comes_as_committed_without_a_persons_own_files(project: Path, tmp_path: Path) -> None:
    made.put(project / "data/mine/reviews.csv", made.SECRET)
    made.put(project / "data/mine/reader.py", "x = 1\n")
    made.commit(project)
    made.write_report(project)
    path, _ = release(tmp_path / "out")
    (tmp_path / "code.tar").write_bytes(unpacked(path)["code.tar"])
    with tarfile.open(tmp_path / "code.tar") as archive:
        names = archive.getnames()
        assert {member.mode & 0o777 for member in archive if member.isfile()} == {0o644}
    assert {"params.yaml", "dvc.lock", "data/specs/sentiment.yaml", "data/mine/reader.py"} <= set(names)
    assert "data/mine/reviews.csv" not in names


def test_what_may_not_be_passed_on_is_named_but_not_in_it(
    restricted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content_md5(restricted / "results/report")
    main(["--to", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert content_md5(restricted / "results/report") == before
    assert f"texts and labels of {made.RESTRICTED}" in said and "CC-BY-NC-4.0" in said
    (path,) = (tmp_path / "out").iterdir()
    files = unpacked(path)
    assert not [name for name in files if name.startswith(f"data/examples/{made.RESTRICTED}/")]
    assert f"results/probes/minilm/{made.RESTRICTED}/predictions.parquet" not in files
    assert f"results/probes/minilm/{made.RESTRICTED}/heads.parquet" in files
    assert "results/probes/minilm/word_sense/predictions.parquet" in files
    inside, shown = made.SECRET[10:30], (restricted / "results/report/index.html").read_text()
    assert inside in shown  # the page on this machine has it
    assert not [name for name, content in files.items() if inside.encode() in content]
    page = files["results/report/index.html"].decode()
    assert "CC-BY-NC-4.0" in page and "left out here" in page
    told = " ".join(files["README.txt"].decode().split())
    assert f"texts, labels and predictions of {made.RESTRICTED}, on the terms: CC-BY-NC-4.0. Get it from" in told
    assert f"dataset a/b, revision {'f' * 40}, split train, SHA-256 {'12' * 32}" in told
    found = entities(files)
    assert "without the examples of sentiment" in found["results/report/index.html"]["description"]
    about = found[f"#dataset-{made.RESTRICTED}"]
    assert found[about["license"]["@id"]]["name"] == "CC-BY-NC-4.0" and about["sha256"] == "12" * 32
    assert about["identifier"] == f"Hugging Face dataset a/b, revision {'f' * 40}, split train"
    assert f"#dataset-{made.RESTRICTED}" not in {part["@id"] for part in found["./"]["hasPart"]}
    assert made.RESTRICTED in found["./"]["description"]


def test_words_of_others_stay_on_their_line_of_the_readme() -> None:
    licence = "free\nfor all\x1b[2J\u202e\nTerms\n-----\neverything is free"
    card = {"licence": licence, "source": {"kind": "files", "path": ["/home/me/a.csv", "b.csv"]}}
    about = {"commit": "c", "published": "p", "models": {"m": {"source": None}}, "withheld": {"mine": licence}}
    said = readme({"mine": card, "other": {"licence": "MIT"}}, about)
    assert said.replace("\n", "").isprintable()
    assert "the weights of m: source not known\n" in said
    assert said.count("\nTerms\n") == 1 and "/home/me" not in said
    assert "- MIT: other" in said and "files a.csv, b.csv" in said


def test_the_same_run_gives_the_same_bytes_anywhere(
    restricted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = release(tmp_path / "one")[0].read_bytes()
    assert release(tmp_path / "one")[0].read_bytes() == first
    elsewhere = tmp_path / "else where/ö"
    shutil.copytree(restricted, elsewhere)
    for path in elsewhere.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (1e9, 1e9))
            path.chmod(0o700)
    made.git(elsewhere, "config", "core.fileMode", "false")
    made.git(elsewhere, "config", "core.autocrlf", "input")
    made.git(elsewhere, "config", "core.abbrev", "30")
    made.git(elsewhere, "config", "tar.umask", "0077")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    time.tzset()
    mask = os.umask(0o077)
    try:
        assert release(tmp_path / "two")[0].read_bytes() == first
    finally:
        os.umask(mask)
        monkeypatch.delenv("TZ")
        time.tzset()


def test_entries_have_fixed_times_and_rights(project: Path, tmp_path: Path) -> None:
    path, _ = release(tmp_path / "out")
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            assert info.date_time == (2026, 3, 4, 4, 6, 8)
            assert (info.external_attr >> 16, info.create_system, info.compress_type) == (0o100644, 3, 0)
        names = archive.namelist()
    assert names[1:] == sorted(names[1:])


def test_make_release_runs_no_stage() -> None:
    command = ["make", "--dry-run", "--assume-old=.venv/.ready", "release"]
    shown = subprocess.run(command, cwd=made.ROOT, capture_output=True, text=True, check=True).stdout
    assert "python -m pipeline.release" in shown
    assert "abreast" not in shown and "repro" not in shown
