"""The probe stage from a small store to its four files."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from pipeline import inputs
from pipeline.predictions import read_predictions
from pipeline.stages import probe as stage
from pipeline.stages import taxonomy
from probes import crossval
from probes.errors import ProbeError
from probes.solver import Solutions, solve
from probes.table import COLUMNS

TOP = Path(__file__).parents[3]
N, LAYERS, HEADS = 240, 2, 4
SETS = ("sets.parquet", "chosen.parquet")
FILES = (*SETS, "heads.parquet", "predictions.parquet", "probes.safetensors", "replicates.safetensors", "summary.json")


TRANSFER = ("layer", "head", "trained_on", "tested_on", "margin", "margin_low", "margin_high", "p_value")


def test_it_writes_its_files(project: Any) -> None:
    assert set(project.run()) == set(FILES)


def rungs() -> dict[str, int]:
    """Return the rung of every head, as the taxonomy stage makes it of what the probe stage wrote."""
    shutil.copy(TOP / "data/taxonomy.yaml", "data/taxonomy.yaml")
    Path("results/transfer/tiny").mkdir(parents=True, exist_ok=True)
    none = pd.DataFrame({name: [] for name in TRANSFER})
    none.to_parquet("results/transfer/tiny/transfer.parquet", index=False)
    taxonomy.main(["tiny"])
    heads = pd.read_csv("results/taxonomy/tiny/heads.csv")
    assert len(heads) == LAYERS * HEADS
    return dict(zip(heads["name"], heads["rung"], strict=True))


def test_the_signal_is_found_in_its_head_and_only_there(project: Any) -> None:
    project.run()
    assert {name for name, rung in rungs().items() if rung > 0} == {"L1H2"}
    heads = project.heads().set_index(["layer", "head"])
    assert heads.loc[(1, 2), "p_value"] == pytest.approx(0.01)
    # The best rule on a shift of two deviations is right with a chance of 0.841; 0.08 is three deviations at n = 240.
    assert heads.loc[(1, 2), "accuracy"] == pytest.approx(0.841, abs=0.08)


@pytest.mark.parametrize("seed", range(3))
def test_on_permuted_labels_no_head_is_found(project: Any, seed: int) -> None:
    flip = np.random.default_rng(seed).integers(0, 2, N // 4)[np.arange(N) // 4]  # the names trade inside a group
    project.change_labels(label=np.array(["no", "yes"])[(np.arange(N) + flip) % 2])
    project.run()
    assert set(rungs().values()) == {0}
    assert project.summary()["n_significant"] == 0


def test_the_table_has_the_promised_columns_and_one_row_a_head(project: Any) -> None:
    project.run()
    table = pq.read_table(project.out / "heads.parquet")
    assert table.column_names == list(COLUMNS)
    heads = table.to_pandas()
    assert list(zip(heads["layer"], heads["head"], strict=True)) == [(i, j) for i in range(2) for j in range(4)]
    assert [name for name in table.column_names if table[name].null_count] == ["codelength"]  # the option is off
    shared = heads[["model", "dataset", "feature", "family", "n_examples", "n_groups", "n_classes", "majority"]]
    assert shared.drop_duplicates().values.tolist() == [["tiny", "toy", "mood", "semantic", 240, 60, 2, 0.5]]
    assert ((heads["accuracy_low"] <= heads["accuracy"]) & (heads["accuracy"] <= heads["accuracy_high"])).all()
    assert heads["c"].isin(project.grid).all()


def test_the_summary_says_what_was_probed_and_what_came_out(project: Any) -> None:
    project.run()
    content, heads = project.summary(), project.heads()
    best = heads.iloc[heads["accuracy"].argmax()]
    told = ("layer", "head", "accuracy", "accuracy_low", "accuracy_high", "p_value")
    assert content.pop("best") == {name: best[name] for name in told}
    selected = content.pop("selected")
    assert selected["heads"] == ["L1H2"] * 5
    assert selected["accuracy"] == best["accuracy"]  # the same head in every fold
    null = content.pop("null")
    assert (null["permutations"], null["design"], null["exchange"], null["movable"]) == (99, "balanced", "names", 1.0)
    assert null["smallest"] == 0.01
    assert 0.5 < null["best_expected"] < 0.65 < null["best_observed"]
    kept = ("source", "revision", "weights_sha256", "model_type", "precision", "n_layers", "layers", "attention")
    kept += ("n_heads", "d_head", "d_model", "readout")
    assert content.pop("extraction") == {name: project.manifest[name] for name in (*kept, "untrained_seed")}
    assert content == {
        **{"model": "tiny", "dataset": "toy", "feature": "mood", "family": "semantic", "classes": ["no", "yes"]},
        **{"n_examples": 240, "n_groups": 60, "n_dropped": 0, "majority": 0.5, "n_significant": 1},
        **{"surface": heads["surface"][0], "embedding": heads["embedding"][0]},
        **{"control": {"refused": None, "recurring": 1.0}, "unconverged": [], "unconverged_baselines": {}},
        "warnings": [],
        **{
            "general": {"variants": ["long", "plain"], "refused": None},
            "replicates": {"deals": 1, "refused": None, "confidence": 0.95},
        },
        "heads_needed": 1,
    }


def test_the_head_that_knows_holds_on_both_variants_and_no_other(project: Any) -> None:
    project.run()
    heads = project.heads().set_index(["layer", "head"])
    assert heads.index[heads["margin_general_low"] > 0].tolist() == [(1, 2)]
    assert heads.loc[(1, 2), "general_accuracy"] > 0.8
    # in six dimensions one direction in a few dozen is as good
    assert heads.loc[(1, 2), "p_general"] < 0.1 and heads["p_general"].drop((1, 2)).min() > 0.5
    assert set(heads["general_variant"]) <= {"long", "plain"}


def test_without_variants_generality_is_missing_with_the_reason(project: Any) -> None:
    path = project.labels.with_name("variants.parquet")
    pd.read_parquet(path).assign(variant=None).to_parquet(path, index=False)
    project.run()
    assert project.heads()["margin_general"].isna().all()
    refused = project.summary()["general"]
    assert refused == {"variants": [], "refused": "0 variants; at least 2 are needed: one is tested, the others train"}


def test_sets_and_replicates_tell_of_the_head_that_knows(project: Any) -> None:
    project.run()
    chosen = pd.read_parquet(project.out / "chosen.parquet")
    assert chosen.loc[chosen["step"] == 1, ["layer", "head"]].drop_duplicates().values.tolist() == [[1, 2]]
    replicates = load_file(project.out / "replicates.safetensors")
    assert replicates["accuracy"].shape == (20, 8)
    heads = project.heads()
    assert replicates["accuracy"].mean(0) == pytest.approx(heads["accuracy"].to_numpy(), abs=0.06)
    assert replicates["margin_projection"].mean(0) == pytest.approx(heads["margin_projection"].to_numpy(), abs=0.12)
    p_values = (1 + (replicates["null"] >= heads["null_accuracy"].to_numpy()[:, None]).sum(1)) / 100
    assert p_values.tolist() == heads["p_value"].tolist()


def test_a_class_of_few_groups_allows_no_other_deal_and_the_run_goes_on(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "no other deal of the groups has every class in each of 5 folds; add groups"

    def none(*args: Any) -> None:
        raise ProbeError(reason)

    monkeypatch.setattr("probes.stability.redeal", none)
    project.run()
    assert project.summary()["replicates"] == {"deals": 0, "refused": reason, "confidence": 0.95}


def test_layers_go_by_their_own_numbers_and_nothing_else_changes(project: Any) -> None:
    """As in a model where two of eight blocks have attention."""
    first = project.run()
    before, probes, ids = project.heads(), load_file(project.out / "probes.safetensors"), sorted(project.stored_ids())
    assert set(before["attention"]) == {"self"}
    numbers = {"L00": "L03", "L01": "L07"}
    arrays = {re.sub("L0[01]", lambda found: numbers[found[0]], name): x for name, x in project.arrays_by_id().items()}
    arrays["residual/L03_out"] = arrays["residual/L07"]
    streams = {"entering": ["residual/L03", "residual/L07"], "leaving": ["residual/L03_out", "residual/final"]}
    project.write_store(arrays, ids, layers=[3, 7], attention=["decoder", "cross"], **streams)
    assert project.run().keys() == first.keys()
    heads = project.heads()
    assert heads["layer"].tolist() == [3] * 4 + [7] * 4
    assert heads["attention"].tolist() == ["decoder"] * 4 + ["cross"] * 4
    named = ["layer", "attention"]
    pd.testing.assert_frame_equal(heads.drop(columns=named), before.drop(columns=named))
    assert set(load_file(project.out / "probes.safetensors")) == {
        re.sub("L0[01]", lambda found: numbers[found[0]], name) for name in probes
    }
    assert read_predictions(project.out / "predictions.parquet", "L7H2").shape == (N, 2)
    assert (project.summary()["best"]["layer"], project.summary()["selected"]["heads"]) == (7, ["L7H2"] * 5)


def test_predictions_follow_from_the_stored_probes_and_z(project: Any) -> None:
    project.run()
    probes, ids = load_file(project.out / "probes.safetensors"), project.stored_ids()
    shapes = {"coef": (4, 5, 1, 6), "intercept": (4, 5, 1), "mean": (4, 5, 6), "scale": (4, 5, 6), "strength": (4, 5)}
    assert {name: array.shape for name, array in probes.items()} == {
        f"L{layer:02d}.{name}": shape for layer in range(2) for name, shape in shapes.items()
    }
    rows = pd.read_parquet(project.out / "predictions.parquet", columns=["example_id", "label", "fold"])
    assert rows["example_id"].tolist() == ids
    truth = pd.read_parquet(project.labels).set_index("example_id").loc[ids]
    assert rows[["label", "fold"]].values.tolist() == truth[["label", "fold"]].values.tolist()
    folds = rows["fold"].to_numpy()
    for (layer, head), accuracy in project.heads().set_index(["layer", "head"])["accuracy"].items():
        coef, intercept, mean, scale = (probes[f"L{layer:02d}.{name}"][head, folds] for name in list(shapes)[:4])
        scaled = (project.stored(f"z/L{layer:02d}")[:, head] - mean) / scale
        logit = (scaled * coef[:, 0]).sum(1) + intercept[:, 0]
        by_hand = -np.logaddexp(0, np.stack([logit, -logit], axis=1))
        told = read_predictions(project.out / "predictions.parquet", f"L{layer}H{head}")
        np.testing.assert_allclose(told, by_hand, atol=1e-5)  # seven digits of float32 in logits of order 1
        assert (told.argmax(1) == (rows["label"] == "yes")).mean() == pytest.approx(accuracy)


def test_the_probes_carry_the_names_of_their_classes(project: Any) -> None:
    project.run()
    with safe_open(project.out / "probes.safetensors", "numpy") as file:
        about = json.loads(file.metadata()["head_atlas"])
        assert set(file.metadata()) == {"head_atlas"}  # of two keys the order in the file would not be fixed
    assert (about["classes"], about["model"]) == (["no", "yes"], "tiny")


def test_two_runs_give_the_same_bytes_and_another_seed_others(project: Any) -> None:
    first = project.run()
    shutil.rmtree(project.out)
    assert project.run() == first
    project.write_params(seed=1)
    assert [name for name, content in project.run().items() if content != first[name]] != []


def test_the_row_order_of_the_labels_changes_nothing(project: Any) -> None:
    first = project.run()
    pd.read_parquet(project.labels).sample(frac=1, random_state=0).to_parquet(project.labels, index=False)
    assert project.run() == first


def test_labels_are_joined_by_id(project: Any) -> None:
    ids = pd.read_parquet(project.labels)["example_id"]
    project.change_labels(example_id=ids.sample(frac=1, random_state=0).to_list())  # the same rows of other ids
    project.run()
    assert project.summary()["n_significant"] == 0


def test_layers_are_probed_the_same_together_and_apart(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run()
    together = project.heads()
    stacked: list[int] = []
    inner = stage.probe_vectors
    monkeypatch.setattr(stage, "probe_vectors", lambda x, *rest: (stacked.append(len(x)), inner(x, *rest))[1])
    monkeypatch.setattr(inputs, "STACK_BYTES", 1)
    project.run()
    # Products of other heads round otherwise, and stop within 1e-8 of the same objective.
    pd.testing.assert_frame_equal(project.heads(), together, rtol=1e-4)
    assert stacked == [HEADS] * 6 + [1] * 3  # z, untrained and projection of two layers; two skylines, the embedding


def test_examples_dropped_as_too_long_are_left_out_and_counted(project: Any) -> None:
    ids, arrays = sorted(project.stored_ids()), project.arrays_by_id()
    project.write_store({name: array[2:] for name, array in arrays.items()}, ids[2:], dropped=tuple(ids[:2]))
    project.run()
    content = project.summary()
    assert (content["n_examples"], content["n_dropped"]) == (238, 2)
    assert set(pd.read_parquet(project.out / "predictions.parquet")["example_id"]) == set(ids[2:])
    assert content["best"]["head"] == 2


def test_several_classes_have_a_logit_each(project: Any) -> None:
    project.change_labels(label=np.array(["a", "b", "c"])[np.arange(N) % 3])
    project.run()
    assert load_file(project.out / "probes.safetensors")["L00.coef"].shape == (4, 5, 3, 6)
    assert read_predictions(project.out / "predictions.parquet", "L0H0").shape == (240, 3)
    assert (project.summary()["classes"], project.summary()["null"]["design"]) == (["a", "b", "c"], "mixed")


def test_problems_that_did_not_converge_are_counted(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsolved(*args: Any) -> Solutions:
        solutions = solve(*args)
        if solutions.converged.shape[2] == 3:  # not where the penalty is given
            solutions.converged[:, :, 2, 0] = False  # the third penalty, real labels
        return solutions

    monkeypatch.setattr(crossval, "solve", unsolved)
    project.run()
    content = project.summary()
    assert content["unconverged"] == [{"head": f"L{i}H{j}", "problems": 5} for i in range(2) for j in range(4)]
    assert content["unconverged_baselines"] == {"untrained": 40, "projection": 40, "skyline": 10, "embedding": 5}
    assert '"problems": 5\n' in (project.out / "summary.json").read_text(encoding="utf-8")  # a count, not 5.0
    assert project.heads()["c"].max() < 1.0  # and never used


def test_the_whole_probe_refitted_to_every_draw_comes_to_the_same(project: Any) -> None:
    project.run()
    quick = project.heads()["p_value"]
    project.write_params(null_probe="full")
    project.run()
    full = project.heads()["p_value"]
    assert full.idxmin() == quick.idxmin() == 6
    assert full[6] == quick[6] == 0.01
    assert full.drop(6).min() > 0.1 < quick.drop(6).min()


def test_the_codelength_is_measured_when_asked_for(project: Any) -> None:
    project.write_params(codelength=True)
    project.run()
    bits = project.heads().set_index(["layer", "head"])["codelength"]
    assert bits.idxmin() == (1, 2)
    assert bits.min() < 0.9 * N
    assert bits.drop((1, 2)).min() > 0.95 * N  # what is not known costs a bit a label
