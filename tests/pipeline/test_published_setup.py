"""The set-up of a published map that lies ready, and what its page says of it."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from data.columns import Template
from data.spec import load_spec
from pipeline.checkpoint import ModelEntry
from pipeline.params import load_params, read_section
from pipeline.published import SENTEVAL
from probes.published import COLUMNS

TOP = Path(__file__).parents[2]
PARAMS = TOP / "published/jo_myaeng/params.yaml"
READ = {"_cls": "first", "_last": "last"}  # BERT, GPT-2
DOCS = (TOP / "docs/published.md").read_text(encoding="utf-8")


def test_their_set_up_is_complete() -> None:
    params, own = load_params(PARAMS), yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    for section in set(params) - {"models", "datasets"}:
        assert set(params[section]) == set(own[section]), section  # the stages refuse unknown and missing keys
    assert set(params["datasets"]) == {name + suffix for name in SENTEVAL.values() for suffix in READ}
    for slug in ("bert", "gpt2"):
        assert len(read_section(params, f"models.{slug}", ModelEntry).revision or "") == 40


@pytest.mark.parametrize("suffix", READ)
@pytest.mark.parametrize("name", SENTEVAL.values())
def test_the_specs_of_their_set_up(name: str, suffix: str) -> None:
    spec = load_spec(TOP / "data/specs" / f"{name}{suffix}.yaml")
    assert (spec.feature, spec.readout, spec.columns.text) == (name, READ[suffix], "sentence")
    other = load_spec(TOP / "data/specs" / f"{name}{'_last' if suffix == '_cls' else '_cls'}.yaml")
    assert (spec.family, spec.source, spec.where, spec.cap) == (other.family, other.source, other.where, other.cap)
    shipped = TOP / "data/specs" / f"{name}.yaml"
    if shipped.is_file():  # the same rows as in the spec for all models, and more of them
        assert (spec.family, spec.source) == (load_spec(shipped).family, load_spec(shipped).source)
        assert spec.cap is not None
        assert spec.cap.examples == 10_000


def test_the_commands_in_the_docs_name_every_cell() -> None:
    (tasks,) = re.findall(r"for task in (.*?); do", DOCS, re.DOTALL)
    named = {f"senteval_{task}{suffix}" for task in tasks.replace("\\", " ").split() for suffix in READ}
    assert named == set(load_params(PARAMS)["datasets"])
    assert "probe@bert-senteval_${task}_cls probe@gpt2-senteval_${task}_last" in DOCS


def test_the_spec_in_the_docs_reads_the_pad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
    shutil.copytree(TOP / "data/specs", tmp_path / "data/specs")
    monkeypatch.chdir(tmp_path)
    path = Path("data/specs/senteval_past_present_pad.yaml")
    path.write_text(text, encoding="utf-8")
    spec = load_spec(path)
    assert (spec.readout, spec.columns.text) == ("last", Template("{sentence}!"))


def test_every_column_of_the_comparison_is_in_the_docs() -> None:
    table = DOCS.split("## What is printed")[1].split("##")[0]
    assert set(COLUMNS) - {"task", "n_heads"} == set(re.findall(r"`(\w+)`", table)) & set(COLUMNS)
