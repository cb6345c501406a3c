"""The command that compares a run with a published map: what it reads, prints and refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from pipeline.errors import PipelineError
from pipeline.published import SENTEVAL, find_datasets, main, read_map
from probes.errors import ProbeError

TOP = Path(__file__).parents[2]
REFERENCE = TOP.parent / "shared" / "reference"
TASKS = ["Length", "Tense", "BigramShift"]
RUN, MAP = "results/probes/toy", "map.csv"
Change = Callable[[pd.DataFrame], pd.DataFrame]


def planted_map(n_layers: int = 4, n_heads: int = 6) -> pd.DataFrame:
    """Return a published map in per cent, every task of its own."""
    layer, head = np.divmod(np.arange(n_layers * n_heads), n_heads)
    rng = np.random.default_rng(0)
    return pd.DataFrame({"layer": layer, "head": head, **{task: rng.uniform(50, 90, len(layer)) for task in TASKS}})


def write_run(published: pd.DataFrame, noise: float, suffix: str = "") -> None:
    """Write the cells of a run whose accuracies are the published ones and noise; rows in another order."""
    rng = np.random.default_rng(1)
    for task in TASKS:
        folder = Path(RUN, SENTEVAL[task] + suffix)
        folder.mkdir(parents=True)
        accuracy = (published[task] + rng.normal(0, noise, len(published))).clip(0, 100) / 100
        cell = published[["layer", "head"]].assign(accuracy=accuracy, majority=0.5)
        cell.sample(frac=1, random_state=0).to_parquet(folder / "heads.parquet")


@pytest.fixture(autouse=True)
def _run_and_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    published = planted_map()
    published.to_csv(MAP, index=False)
    write_run(published, noise=3)


def compared(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    main([RUN, MAP, "--json", *options])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_every_task_is_compared_with_its_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    told = compared(capsys)
    published = planted_map()
    assert told["left_out"] == []
    assert [(row["task"], row["dataset"]) for row in told["tasks"]] == [(task, SENTEVAL[task]) for task in TASKS]
    for row in told["tasks"]:
        cell = pd.read_parquet(Path(RUN, row["dataset"], "heads.parquet")).sort_values(["layer", "head"])
        assert row["rho"] == pytest.approx(spearmanr(cell["accuracy"], published[row["task"]]).statistic)
        assert row["rho"] > 0.9
        assert row["difference"] == pytest.approx(cell["accuracy"].max() - published[row["task"]].max() / 100)
        best = published.loc[published[row["task"]].idxmax()]
        assert row["published_best"] == f"L{best['layer']:.0f}H{best['head']:.0f}"
        assert row["in_top_5"] is True


def test_heads_in_another_order_do_not_agree(capsys: pytest.CaptureFixture[str]) -> None:
    published = planted_map()
    order = np.random.default_rng(2).permutation(len(published))
    published.assign(**{task: published[task].to_numpy()[order] for task in TASKS}).to_csv(MAP, index=False)
    assert np.mean([abs(row["rho"]) for row in compared(capsys)["tasks"]]) < 0.35


def test_datasets_may_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    told = compared(capsys, "--map", "Tense=senteval_sentence_length", "Length=senteval_sentence_length")
    assert [row["task"] for row in told["tasks"]] == ["Length", "Tense"]  # in the order of the map
    assert told["tasks"][0]["rho"] > 0.9 > 0.5 > abs(told["tasks"][1]["rho"])
    assert told["left_out"] == ["BigramShift"]


def test_shares_are_read_as_well_as_per_cent(capsys: pytest.CaptureFixture[str]) -> None:
    per_cent = compared(capsys)
    published = planted_map()
    published.assign(**{task: published[task] / 100 for task in TASKS}).to_csv(MAP, index=False)
    for row, expected in zip(compared(capsys)["tasks"], per_cent["tasks"], strict=True):
        assert {**row, **{"best_published": 0, "difference": 0}} == {**expected, "best_published": 0, "difference": 0}
        assert row["best_published"] == pytest.approx(expected["best_published"])


def test_the_table_tells_the_numbers_and_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    expected = compared(capsys)["tasks"][0]
    planted_map().assign(Depth=30.0).to_csv(MAP, index=False)
    main([RUN, MAP])
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.lstrip().startswith("Length")]
    assert f" {expected['rho']:.3f} " in row
    assert f"{expected['overlap_5']:.1f} (1.04)" in row  # 25 / 24
    assert lines[-1] == "Not compared, for want of a dataset: Depth."


def test_a_flat_map_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    planted_map().assign(Tense=50.0).to_csv(MAP, index=False)
    row = compared(capsys)["tasks"][1]
    assert (row["task"], row["rho"], row["rho_low"]) == ("Tense", None, None)


def test_nothing_is_written() -> None:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    main([RUN, MAP])
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("suffix", ["_cls", "_files"])
def test_variants_of_a_dataset_are_found(suffix: str) -> None:
    for task in TASKS:
        Path(RUN, SENTEVAL[task]).rename(Path(RUN, SENTEVAL[task] + suffix))
    assert find_datasets(Path(RUN), TASKS) == {task: SENTEVAL[task] + suffix for task in TASKS}


def test_two_variants_have_to_be_told_apart() -> None:
    write_run(planted_map(), noise=0, suffix="_cls")
    with pytest.raises(PipelineError, match=r"Length may be senteval_sentence_length or senteval_sentence_length_cls"):
        main([RUN, MAP])
    main([RUN, MAP, "--map", "Length=senteval_sentence_length_cls"])


REFUSALS: list[tuple[Change, str]] = [
    (lambda table: table.drop(columns="head"), "map.csv: no column head; has layer, Length, Tense, BigramShift"),
    (lambda table: table[:0], "map.csv: no rows; expected a row for each head"),
    (lambda table: table[["layer", "head"]], "map.csv: no task beside layer and head"),
    (lambda table: table.rename(columns={task: f"My{task}" for task in TASKS}), "no task in common; the map has MyLen"),
    (lambda table: table.astype({"Tense": object}).replace({"Tense": {table["Tense"][2]: "?"}}), "row 3, Tense: exp"),
    (lambda table: table.assign(Tense=table["Tense"].where(table["layer"] != 1)), "row 7, Tense: .* accuracy, got ''"),
    (lambda table: table.assign(Tense=table["Tense"] + 50), r"map.csv: row \d+, Tense: 1\d\d.* is no accuracy; exp"),
    (lambda table: table.assign(layer=table["layer"] + 0.5), "row 1, layer: expected a whole number from 0, got '0.5'"),
    (lambda table: table.assign(head=table["head"] - 1), "row 1, head: expected a whole number from 0, got '-1'"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), REFUSALS)
def test_maps_that_cannot_be_read_are_refused(change: Change, message: str) -> None:
    change(planted_map()).to_csv(MAP, index=False)
    with pytest.raises(PipelineError, match=message):
        main([RUN, MAP])


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'layer,head\n0,"1\n'])
def test_files_that_are_no_csv_are_refused(content: bytes) -> None:
    Path(MAP).write_bytes(content)
    with pytest.raises(PipelineError, match=r"^map.csv: (not a CSV file that can be read|no task|row)"):
        read_map(Path(MAP))


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    Path(MAP).write_bytes(b"\xef\xbb\xbf" + Path(MAP).read_bytes())
    assert list(read_map(Path(MAP))) == ["layer", "head", *TASKS]


def test_rows_longer_than_the_header_are_refused() -> None:
    Path(MAP).write_text("layer,head,Tense\n0,0,50,\n0,1,60,\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"^map.csv: rows have more fields than the header; remove commas"):
        read_map(Path(MAP))


def test_other_heads_are_named() -> None:
    planted_map(n_layers=5).to_csv(MAP, index=False)
    with pytest.raises(ProbeError, match=r"only in the published map: L4H0, L4H1, L4H2, L4H3, L4H4, L4H5; compare"):
        main([RUN, MAP])


def _no_accuracy(cell: Path) -> None:
    pd.read_parquet(cell).drop(columns="accuracy").to_parquet(cell)


def _fewer_heads(cell: Path) -> None:
    pd.read_parquet(cell)[1:].to_parquet(cell)


def _no_parquet(cell: Path) -> None:
    cell.write_bytes(b"PAR0")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_accuracy, "senteval_past_present/heads.parquet: no column accuracy; make it again"),
        (_fewer_heads, "senteval_past_present and senteval_sentence_length are of different heads"),
        (_no_parquet, "senteval_past_present/heads.parquet: not a Parquet file that can be read"),
    ],
)
def test_runs_that_cannot_be_read_are_refused(damage: Callable[[Path], None], message: str) -> None:
    damage(Path(RUN, SENTEVAL["Tense"], "heads.parquet"))
    with pytest.raises(PipelineError, match=message):
        main([RUN, MAP])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((RUN, "none.csv"), "none.csv: no such file; give the CSV file"),
        (("results/probes", MAP), r"results/probes: no <dataset>/heads.parquet in it; give the folder of one model"),
        ((RUN, MAP, "--map", "Tense"), "--map Tense: expected TASK=DATASET"),
        ((RUN, MAP, "--map", "Tense=a=b"), "has no dataset 'a=b'"),
        ((RUN, MAP, "--map", "Tens=senteval_past_present"), "the map has no task 'Tens'; .*did you mean 'Tense'"),
        ((RUN, MAP, "--map", "Tense=senteval_past"), "has no dataset 'senteval_past'; .*mean 'senteval_past_present'"),
        ((RUN, MAP, "--map", *["Tense=senteval_past_present"] * 2), "each task once"),
    ],
)
def test_arguments_are_checked(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        main(arguments)


@pytest.mark.slow
def test_the_exit_status_is_0_or_1_with_a_message_alone() -> None:
    command, clean = [sys.executable, "-m", "pipeline.published", RUN], os.environ | {"PYTHONPATH": str(TOP)}
    done = subprocess.run([*command, MAP], capture_output=True, text=True, env=clean, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name, message in ((MAP, "error: the maps are of different heads: "), ("none.csv", "error: none.csv: no such")):
        planted_map(n_layers=5).to_csv(MAP, index=False)
        done = subprocess.run([*command, name], capture_output=True, text=True, env=clean, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(message)
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no published maps in {REFERENCE}")
@pytest.mark.parametrize(
    ("name", "task", "best", "accuracy"),
    [
        ("gpt2_senteval_headwise_acc.csv", "Length", ["L0H9"], 0.8868),
        ("bert-base-uncased_senteval_headwise_acc.csv", "Tense", ["L10H0", "L10H3"], 0.8788),
    ],
)
def test_the_published_maps_are_read(name: str, task: str, best: list[str], accuracy: float) -> None:
    published = read_map(REFERENCE / name)
    assert set(published) == {"layer", "head", *SENTEVAL}
    assert len(published) == 144
    found = published[published[task] == published[task].max()]
    assert [f"L{row.layer}H{row.head}" for row in found.itertuples()] == best
    assert published[task].max() == pytest.approx(accuracy)
