"""The probe stage from a small store to its four files, and its failing runs."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file

from pipeline.errors import PipelineError
from pipeline.jsonfile import write_json
from pipeline.predictions import read_predictions
from pipeline.stages import probe as stage
from pipeline.stages import taxonomy
from pipeline.stages.probe import main
from pipeline.store import create_arrays, finish_store, z_name
from probes import crossval
from probes.errors import ProbeError
from probes.logistic import fit_logistic
from probes.table import COLUMNS

TOP = Path(__file__).parents[2]
N, LAYERS, HEADS, WIDTH, FOLDS = 240, 2, 4, 6, 5
STORE, OUT = Path("data/activations/tiny/toy"), Path("results/probes/tiny/toy")
LABELS = Path("data/examples/toy/labels.parquet")
FILES = ("heads.parquet", "predictions.parquet", "probes.safetensors", "summary.json")
UNMEASURED = ("control_accuracy", "selectivity", "embedding", "untrained", "projection", "skyline")
GRID = [0.01, 0.1, 1.0]
PROBE = {"c_grid": GRID, "permutations": 99, "bootstrap": 200, "confidence": 0.95, "seed": 0, "device": "cpu"}
MANIFEST = {
    **{"model": "tiny", "dataset": "toy", "source": "somewhere/tiny", "revision": "r1", "weights_sha256": "00"},
    **{"model_type": "gpt2", "n_layers": LAYERS, "n_heads": [HEADS] * LAYERS, "d_head": [WIDTH] * LAYERS},
    **{"d_model": HEADS * WIDTH, "dtype": "float32", "readout": "last", "dropped_too_long": []},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixty groups of four examples, two of each label; z of L1H2 knows the label, that of the others does not."""
    monkeypatch.chdir(tmp_path)
    rows = pd.DataFrame({
        "example_id": [f"e{i:03d}" for i in range(N)],
        "label": np.array(["no", "yes"])[np.arange(N) % 2],
        "group": [f"g{i // 4}" for i in range(N)],
        "control_key": "k",
        "fold": np.arange(N) // 4 % FOLDS,
    })
    LABELS.parent.mkdir(parents=True)
    rows.to_parquet(LABELS, index=False)
    write_json(LABELS.with_name("card.json"), {"feature": "mood", "family": "semantic", "surface": 0.55})
    rng = np.random.default_rng(0)
    z = rng.normal(size=(LAYERS, N, HEADS, WIDTH)).astype(np.float32)
    z[1, :, 2, 3] += 2 * (rows["label"] == "yes").to_numpy()
    write_store(z, rows["example_id"].tolist())
    write_params()
    return tmp_path


def write_store(z: np.ndarray, ids: list[str], dropped: tuple[str, ...] = ()) -> None:
    """Write the store with its rows in an order of its own."""
    shutil.rmtree(STORE, ignore_errors=True)
    order = np.random.default_rng(1).permutation(len(ids))
    arrays = create_arrays(STORE, {z_name(layer): (len(ids), HEADS, WIDTH) for layer in range(LAYERS)})
    for layer in range(LAYERS):
        arrays[z_name(layer)][:] = z[layer, order]
        arrays[z_name(layer)].flush()
    index = pd.DataFrame({"example_id": [ids[row] for row in order], "position": 3, "n_tokens": 4})
    finish_store(STORE, index, {**MANIFEST, "dropped_too_long": list(dropped)})


def write_params(**probe: Any) -> None:
    params = {name: {} for name in ("examples", "extract", "report")} | {
        "probe": PROBE | probe,
        "taxonomy": {"alpha": 0.05},
        "models": {"tiny": {"source": "somewhere/tiny"}},
        "datasets": {"toy": {}},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def stored_z() -> tuple[list[str], np.ndarray]:
    ids = pd.read_parquet(STORE / "index.parquet")["example_id"].tolist()
    return ids, np.stack([np.load(STORE / f"{z_name(layer)}.npy") for layer in range(LAYERS)])


def run() -> dict[str, bytes]:
    main(["tiny", "toy"])
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def summary() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((OUT / "summary.json").read_text(encoding="utf-8"))
    return content


def test_it_writes_four_files_and_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(run()) == set(FILES)
    line = capsys.readouterr().out
    assert re.fullmatch(
        r"probe tiny toy: best L1H2 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\], majority 0\.500, 1 of 8 heads with p < 0\.05, "
        r"\d+\.\d s\n",
        line,
    )


def decodable(project: Path) -> list[str]:
    """Return the heads that the taxonomy stage makes of what the probe stage wrote."""
    shutil.copy(TOP / "data/taxonomy.yaml", project / "data/taxonomy.yaml")
    taxonomy.main(["tiny"])
    heads = pd.read_csv("results/taxonomy/tiny/heads.csv")
    assert len(heads) == LAYERS * HEADS
    return heads.loc[heads["rung"] > 0, "name"].tolist()


def test_the_signal_is_found_in_its_head_and_only_there(project: Path) -> None:
    run()
    assert decodable(project) == ["L1H2"]
    heads = pd.read_parquet(OUT / "heads.parquet").set_index(["layer", "head"])
    assert heads.loc[(1, 2), "p_value"] == pytest.approx(0.01)
    # The best rule on a shift of two deviations is right with a chance of 0.841; 0.08 is three deviations at n = 240.
    assert heads.loc[(1, 2), "accuracy"] == pytest.approx(0.841, abs=0.08)


@pytest.mark.parametrize("seed", range(3))
def test_on_permuted_labels_no_head_is_found(project: Path, seed: int) -> None:
    rows = pd.read_parquet(LABELS)
    flip = np.random.default_rng(seed).integers(0, 2, N // 4)[np.arange(N) // 4]  # the names trade inside a group
    rows["label"] = np.array(["no", "yes"])[(np.arange(N) + flip) % 2]
    rows.to_parquet(LABELS, index=False)
    run()
    assert decodable(project) == []
    assert summary()["n_significant"] == 0


def test_the_table_has_the_promised_columns_one_row_a_head_and_no_baseline_not_measured(project: Path) -> None:
    run()
    table = pq.read_table(OUT / "heads.parquet")
    assert table.column_names == list(COLUMNS)
    heads = table.to_pandas()
    assert list(zip(heads["layer"], heads["head"], strict=True)) == [(i, j) for i in range(2) for j in range(4)]
    nulls = {name: table[name].null_count for name in table.column_names}
    assert nulls == {name: 8 if name in UNMEASURED else 0 for name in COLUMNS}
    shared = heads[
        ["model", "dataset", "feature", "family", "n_examples", "n_groups", "n_classes", "majority", "surface"]
    ]
    assert shared.drop_duplicates().values.tolist() == [["tiny", "toy", "mood", "semantic", 240, 60, 2, 0.5, 0.55]]
    assert ((heads["accuracy_low"] <= heads["accuracy"]) & (heads["accuracy"] <= heads["accuracy_high"])).all()
    assert heads["c"].isin(GRID).all()


def test_the_summary_says_what_was_probed_and_what_came_out(project: Path) -> None:
    run()
    content, heads = summary(), pd.read_parquet(OUT / "heads.parquet")
    best = heads.iloc[heads["accuracy"].argmax()]
    told = ("layer", "head", "accuracy", "accuracy_low", "accuracy_high", "p_value")
    assert content.pop("best") == {name: best[name] for name in told}
    null = content.pop("null")
    assert (null["permutations"], null["design"], null["movable"]) == (99, "balanced", 1.0)
    assert 0.5 < null["best_expected"] < 0.65 < null["best_observed"]
    kept = ("source", "revision", "weights_sha256", "model_type", "n_layers", "n_heads", "d_head", "d_model", "readout")
    assert content.pop("extraction") == {name: MANIFEST[name] for name in kept}
    assert content == {
        **{"model": "tiny", "dataset": "toy", "feature": "mood", "family": "semantic", "classes": ["no", "yes"]},
        **{"n_examples": 240, "n_groups": 60, "n_dropped": 0, "majority": 0.5, "surface": 0.55},
        **{"n_significant": 1, "unconverged": [], "warnings": []},
    }


@pytest.mark.parametrize(
    ("groups", "warning"),
    [
        ([f"g{i}" for i in range(N)], None),  # every example its own group
        # groups of two for one label, of four for the other: none has a group of its size to trade with
        ([f"{i % 2}, {i // 4 if i % 2 else i // 8}" for i in range(N)], "labels of 0% of the examples"),
        ([f"g{i // 3}" for i in range(N)], "groups hold classes in different shares"),
    ],
)
def test_groups_that_weaken_the_null_are_said(project: Path, groups: list[str], warning: str | None) -> None:
    rows = pd.read_parquet(LABELS)
    rows["group"], rows["fold"] = groups, np.arange(N) // 24 % FOLDS
    rows.to_parquet(LABELS, index=False)
    run()
    warnings = summary()["warnings"]
    assert warnings == [] if warning is None else any(warning in said for said in warnings)


def test_predictions_follow_from_the_stored_probes_and_z(project: Path) -> None:
    run()
    probes, (ids, z) = load_file(OUT / "probes.safetensors"), stored_z()
    shapes = {"coef": (4, 5, 1, 6), "intercept": (4, 5, 1), "mean": (4, 5, 6), "scale": (4, 5, 6), "strength": (4, 5)}
    assert {name: array.shape for name, array in probes.items()} == {
        f"L{layer:02d}.{name}": shape for layer in range(2) for name, shape in shapes.items()
    }
    rows = pd.read_parquet(OUT / "predictions.parquet", columns=["example_id", "label", "fold"])
    assert rows["example_id"].tolist() == ids
    truth = pd.read_parquet(LABELS).set_index("example_id").loc[ids]
    assert rows[["label", "fold"]].values.tolist() == truth[["label", "fold"]].values.tolist()
    heads, folds = pd.read_parquet(OUT / "heads.parquet"), rows["fold"].to_numpy()
    for (layer, head), accuracy in heads.set_index(["layer", "head"])["accuracy"].items():
        coef, intercept, mean, scale = (probes[f"L{layer:02d}.{name}"][head, folds] for name in list(shapes)[:4])
        scaled = (z[layer, :, head] - mean) / scale
        logit = (scaled * coef[:, 0]).sum(1) + intercept[:, 0]
        by_hand = -np.logaddexp(0, np.stack([logit, -logit], axis=1))
        told = read_predictions(OUT / "predictions.parquet", f"L{layer}H{head}")
        np.testing.assert_allclose(told, by_hand, atol=1e-5)  # seven digits of float32 in logits of order 1
        assert (told.argmax(1) == (rows["label"] == "yes")).mean() == pytest.approx(accuracy)


def test_the_probes_carry_the_names_of_their_classes(project: Path) -> None:
    run()
    with safe_open(OUT / "probes.safetensors", "numpy") as file:
        about = json.loads(file.metadata()["head_atlas"])
        assert set(file.metadata()) == {"head_atlas"}  # of two keys the order in the file would not be fixed
    assert (about["classes"], about["model"]) == (["no", "yes"], "tiny")


def test_two_runs_give_the_same_bytes_and_another_seed_others(project: Path) -> None:
    first = run()
    shutil.rmtree(OUT)
    assert run() == first
    write_params(seed=1)
    assert [name for name, content in run().items() if content != first[name]] != []


def test_the_row_order_of_the_labels_changes_nothing(project: Path) -> None:
    first = run()
    pd.read_parquet(LABELS).sample(frac=1, random_state=0).to_parquet(LABELS, index=False)
    assert run() == first


def test_labels_are_joined_by_id(project: Path) -> None:
    run()
    rows = pd.read_parquet(LABELS)
    rows["example_id"] = rows["example_id"].sample(frac=1, random_state=0).to_list()  # the same rows of other ids
    rows.to_parquet(LABELS, index=False)
    run()
    assert summary()["n_significant"] == 0


def test_layers_are_probed_the_same_together_and_apart(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    together = pd.read_parquet(OUT / "heads.parquet")
    stacked: list[int] = []
    inner = stage.probe_heads
    monkeypatch.setattr(stage, "probe_heads", lambda x, *rest: (stacked.append(len(x)), inner(x, *rest))[1])
    monkeypatch.setattr(stage, "STACK_BYTES", 1)
    run()
    assert stacked == [HEADS, HEADS]
    # Other stacks round otherwise, and stop within 1e-5 of the same weights (see tests/probes/test_logistic.py).
    pd.testing.assert_frame_equal(pd.read_parquet(OUT / "heads.parquet"), together, rtol=1e-4)


def test_examples_dropped_as_too_long_are_left_out_and_counted(project: Path) -> None:
    ids, z = stored_z()
    write_store(z[:, 2:], ids[2:], dropped=tuple(ids[:2]))
    run()
    content = summary()
    assert (content["n_examples"], content["n_dropped"]) == (238, 2)
    assert set(pd.read_parquet(OUT / "predictions.parquet")["example_id"]) == set(ids[2:])
    assert content["best"]["head"] == 2


def test_several_classes_have_a_logit_each(project: Path) -> None:
    rows = pd.read_parquet(LABELS)
    rows["label"] = np.array(["a", "b", "c"])[np.arange(N) % 3]
    rows.to_parquet(LABELS, index=False)
    run()
    assert load_file(OUT / "probes.safetensors")["L00.coef"].shape == (4, 5, 3, 6)
    assert read_predictions(OUT / "predictions.parquet", "L0H0").shape == (240, 3)
    assert (summary()["classes"], summary()["null"]["design"]) == (["a", "b", "c"], "mixed")


def test_problems_that_did_not_converge_are_counted_by_head(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*args: Any) -> Any:
        fits = fit_logistic(*args)
        converged = fits.converged.clone()
        converged[3::HEADS, 2] = False  # whether one layer is solved at once or both
        return replace(fits, converged=converged)

    monkeypatch.setattr(crossval, "fit_logistic", fit)
    run()
    assert summary()["unconverged"] == [{"head": f"L{layer}H3", "problems": 5} for layer in range(2)]
    assert '"problems": 5\n' in (OUT / "summary.json").read_text(encoding="utf-8")  # a count, not 5.0


def test_two_folds_are_refused(project: Path) -> None:
    rows = pd.read_parquet(LABELS)
    rows.assign(fold=rows["fold"] % 2).to_parquet(LABELS, index=False)
    with pytest.raises(ProbeError, match="2 folds; at least 3 are needed"):
        run()


def test_an_array_cut_short_is_refused(project: Path) -> None:
    path = STORE / "z/L01.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PipelineError, match=r"z/L01.npy: .*; run its extract stage again"):
        run()
    assert not OUT.exists()
