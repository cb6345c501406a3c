"""The tutorial, from its table to the last check, gives what it says."""

import re
import runpy
import shutil
from pathlib import Path

import pytest
import yaml

from data.check import main as check
from data.new import main as new
from data.spec import load_spec
from pipeline.checkpoint import ModelEntry
from pipeline.params import load_params, read_section
from tests.docs import pages

TEXT = pages.read(pages.ROOT / "docs/tutorial.md")
PYTHON, YAML, SHOWN = (pages.blocks(TEXT, language) for language in ("python", "yaml", "text"))
SPEC = Path("data/specs/reviews.yaml")
FINISHED = next(block for block in YAML if block.startswith("description:"))


def plain(text: str) -> str:
    """Return a text in one line: how wide a terminal is does not matter."""
    return " ".join(text.split())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The table of the tutorial, made by its own code, in an empty project."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(pages.ROOT / "params.yaml", "params.yaml")
    Path("make_table.py").write_text(PYTHON[0], encoding="utf-8")
    runpy.run_path("make_table.py")
    return tmp_path


@pytest.mark.usefixtures("project")
def test_the_starter_spec_brings_the_warning_that_is_shown(capsys):
    new(["reviews", "--from", "data/raw/reviews.csv"])
    spec = load_spec(SPEC)
    assert (spec.columns.target, spec.columns.group.columns) == ("word", ("word",))
    check([SPEC.as_posix()])
    out = plain(capsys.readouterr().out)
    assert out.count("warning:") == 1
    assert plain(SHOWN[0]) in out


@pytest.mark.usefixtures("project")
def test_the_finished_spec_has_no_warning_and_the_counts_that_are_shown(capsys):
    SPEC.parent.mkdir(parents=True)
    SPEC.write_text(FINISHED, encoding="utf-8")
    check([SPEC.as_posix()])
    out = capsys.readouterr().out
    assert "warning" not in out and "note" not in out
    assert [line for line in SHOWN[1].splitlines() if plain(line) not in plain(out)] == []


@pytest.mark.usefixtures("project")
def test_without_the_group_a_bag_of_words_knows_everything(capsys):
    SPEC.parent.mkdir(parents=True)
    SPEC.write_text(re.sub(r"^  group: .*\n", "", FINISHED, flags=re.MULTILINE), encoding="utf-8")
    check([SPEC.as_posix()])
    assert "a bag of words would reach 1.000" in plain(TEXT)
    assert "surface │ 1.000" in plain(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_the_token_that_the_model_reads_is_the_one_shown(capsys):
    SPEC.parent.mkdir(parents=True)
    SPEC.write_text(FINISHED, encoding="utf-8")
    check([SPEC.as_posix(), "--model", "minilm"])
    out = plain(capsys.readouterr().out)
    assert [line for line in SHOWN[2].splitlines() if plain(line) not in out] == []


def test_the_bundled_specs_that_are_named_can_be_checked(monkeypatch, capsys):
    monkeypatch.chdir(pages.ROOT)
    check(["data/specs/verb_tense.yaml"])
    assert "verb_tense, syntactic" in capsys.readouterr().out


@pytest.mark.slow
def test_and_so_can_what_a_model_reads_of_one(monkeypatch, capsys):
    monkeypatch.chdir(pages.ROOT)
    check(["data/specs/sentiment.yaml", "--model", "minilm"])
    assert "the model reads at most 512 tokens" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_the_pieces_of_params_are_accepted():
    pieces = [piece for piece in map(yaml.safe_load, YAML) if "description" not in piece]
    assert [list(piece) for piece in pieces] == [["datasets"], ["models"], ["extract"]]
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    for piece in pieces:
        for section, entries in piece.items():
            assert section in ("datasets", "models") or set(entries) <= set(params[section])
            params[section] |= entries
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    read = load_params(Path("params.yaml"))
    assert read_section(read, "models.mine", ModelEntry).source == "../checkpoints/mine"
