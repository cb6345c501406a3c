"""What the report stage refuses: cells that are missing, left over or damaged, and wrong params."""

from pathlib import Path

import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.stages.report import main


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/examples/sentiment", r"data/examples: no results for dataset 'sentiment'.*dvc repro"),
        ("results/probes/minilm/sentiment", r"results/probes/minilm: no results for dataset 'sentiment'.*dvc repro"),
        ("results/taxonomy/minilm", r"results/taxonomy: no results for model 'minilm'.*dvc repro"),
    ],
)
def test_a_missing_cell_is_refused(run: Path, path: str, message: str) -> None:
    for file in (run / path).iterdir():
        file.unlink()
    with pytest.raises(PipelineError, match=message):
        main([])


@pytest.mark.parametrize("root", ["data/examples", "results/probes", "results/probes/minilm", "results/taxonomy"])
def test_a_leftover_cell_is_refused(run: Path, root: str) -> None:
    (run / root / "removed").mkdir()
    (run / root / "removed/summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"'removed' is on disk.*`rm -r {root}/removed`"):
        main([])


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("data/examples/sentiment/card.json", "{", "not readable"),
        ("data/examples/sentiment/card.json", "{}", "card.json: lacks feature, family"),
        ("results/probes/minilm/sentiment/summary.json", '{"best": 1}', "summary.json: lacks feature, family"),
        ("results/taxonomy/minilm/heads.csv", "layer,head\n", "heads.csv: lacks attention, name"),
        ("results/taxonomy/minilm/assignments.csv", "", "assignments.csv: not readable"),
        ("results/probes/minilm/sentiment/heads.parquet", "no parquet", "heads.parquet: not readable"),
    ],
)
def test_a_damaged_file_is_refused(run: Path, path: str, content: str, message: str) -> None:
    (run / path).write_text(content)
    with pytest.raises(PipelineError, match=message):
        main([])


def test_params_are_checked(run: Path) -> None:
    params = yaml.safe_load((run / "params.yaml").read_text())
    params["report"]["top_heads"] = 0
    (run / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(PipelineError, match=r"report.top_heads: expected 1 or more, got 0"):
        main([])
