"""The one line that a probe cell prints."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.stages.probe import main


def test_it_prints_one_line(project: Any, capsys: pytest.CaptureFixture[str]) -> None:
    project.run()
    assert re.fullmatch(
        r"probe tiny toy: best L1H2 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\], chosen on other folds 0\.\d{3}, majority 0\.500; "
        r"1 of 8 heads pass \(p < 0\.05, interval above majority\); \d+\.\d s\n",
        capsys.readouterr().out,
    )


def told_at(alpha: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """Return how many heads pass, as the line says it."""
    path = Path("params.yaml")
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["taxonomy"] = alpha if alpha is None else params["taxonomy"] | {"alpha": alpha}
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    main(["tiny", "toy"])
    return capsys.readouterr().out.split("; ")[1]


def test_the_line_counts_heads_at_the_level_of_the_taxonomy(project: Any, capsys: pytest.CaptureFixture[str]) -> None:
    project.run()
    before = {path.name: path.read_bytes() for path in project.out.iterdir()}
    table = project.heads()
    above = table["accuracy_low"] > table["majority"]
    capsys.readouterr()
    for alpha in (0.001, 0.5, 0.999):  # with 99 permutations no p-value is below 0.01
        n = int(((table["p_value"] < alpha) & above).sum())
        assert told_at(alpha, capsys) == f"{n} of 8 heads pass (p < {alpha:g}, interval above majority)"
    assert n < int((table["p_value"] < 0.999).sum())  # the interval decides, too
    assert {path.name: path.read_bytes() for path in project.out.iterdir()} == before


@pytest.mark.parametrize("alpha", ["much", None])
def test_a_level_that_is_none_is_left_to_the_taxonomy(
    alpha: Any, project: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told_at(alpha, capsys) == "1 of 8 heads pass (p < 0.05, interval above majority)"
