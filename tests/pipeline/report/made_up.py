"""A made-up run: everything that the report stage reads, for six features."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from probes.profiles import layer_profiles
from probes.structure import nearest_heads, profiles

FEATURES = {
    "subject_number": ("syntactic", "In-Context Identification", "Syntactic Head", ("singular", "plural")),
    "part_of_speech": (
        "syntactic",
        "In-Context Identification",
        "Syntactic Head",
        ("noun", "verb", "adjective", "other"),
    ),
    "sentiment": ("semantic", "In-Context Identification;Latent Reasoning", "Sentiment Summarizer", ("neg", "pos")),
    "word_sense": ("semantic", "In-Context Identification", "Semantic Induction Head", ("same", "different")),
    "country_continent": ("factual", "Knowledge Recalling", "Memory Head", ("Africa", "Asia", "Europe", "Americas")),
    "capital_truth": ("truth", "Latent Reasoning", "Truthfulness Head", ("false", "true")),
}
REFUSED, UNSOLVED = "capital_truth", "part_of_speech"  # datasets without a control task, with fits not converged
WHY = "no control key recurs between training and test: no control label can be learnt"
MARGINS = {
    "control_accuracy": "selectivity",
    **{name: f"margin_{name}" for name in ("majority", "surface", "embedding", "untrained", "projection", "skyline")},
}


def make_run(root: Path, models: tuple[str, ...] = ("minilm",), layers: int = 6, heads: int = 12) -> None:
    """Write everything the report reads, for six features."""
    params: dict[str, Any] = {
        "examples": {"folds": 5, "seed": 0},
        "extract": {"device": "auto", "batch_tokens": 8192, "seed": 7},
        "probe": {
            "c_grid": [0.01, 1.0], "controls": 3, "permutations": 1000, "bootstrap": 1000, "confidence": 0.95,
            "codelength": False, "seed": 0, "device": "auto",
        },
        "taxonomy": {"alpha": 0.05, "label_rung": 1, "stable": 0.8},
        "report": {"top_heads": 3},
        "models": {model: {"source": "somewhere", "revision": "r1"} for model in models},
        "datasets": {dataset: {} for dataset in FEATURES},
    }  # fmt: skip
    _write(root / "params.yaml", yaml.safe_dump(params, sort_keys=False))
    for number, dataset in enumerate(FEATURES):
        _write_card(root, dataset)
        for model in models:
            _write_cell(root, model, dataset, np.random.default_rng([number, len(model)]), (layers, heads))
    for model in models:
        _write_taxonomy(root, model)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def _write_card(root: Path, dataset: str) -> None:
    family, _, _, labels = FEATURES[dataset]
    text = "The keys to the old cabinet are on the table, where she had left them the evening before."
    examples = [
        {"example_id": f"e{i}", "text": text, "start": 4, "end": 8, "label": labels[i % len(labels)]} for i in range(5)
    ]
    card = {
        "dataset": dataset, "feature": dataset, "family": family, "description": f"Whether {dataset} can be read off.",
        "licence": "CC-BY-4.0", "citation": f"@misc{{{dataset}2020, title = {{About {dataset}}}}}", "readout": "span",
        "too_long": "drop", "n_examples": 1200, "n_groups": 300, "n_control_keys": 80,
        "classes": {label: 1200 // len(labels) for label in labels}, "majority": 1 / len(labels),
        "surface": 1 / len(labels) + 0.05, "folds": [], "dropped": {},
        "source": {"kind": "generated", "module": "data.generated", "sha256": "ab" * 32},
        "examples": examples, "warnings": ["labels of 3 groups differ"] if dataset == "word_sense" else [],
    }  # fmt: skip
    _write(root / "data/examples" / dataset / "card.json", card)


def _write_cell(root: Path, model: str, dataset: str, rng: np.random.Generator, shape: tuple[int, int]) -> None:
    family, _, _, labels = FEATURES[dataset]
    layer, head = (axis.ravel() for axis in np.indices(shape))
    chance = 1 / len(labels)
    depth = np.exp(-(((layer / shape[0] - 0.2 - 0.6 * rng.random()) / 0.25) ** 2))
    accuracy = chance + (0.95 - chance) * np.clip(
        depth * rng.beta(1.2, 2.0, layer.size) + rng.normal(0, 0.02, layer.size), -0.03, 1
    )
    numbers = {
        "layer": layer, "head": head, "n_examples": 1200, "n_groups": 300, "n_classes": len(labels),
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.03, "accuracy_high": accuracy + 0.03, "balanced_accuracy": accuracy - 0.01,
        "auroc": np.clip(accuracy + 0.05, 0, 1), "information_bits": accuracy - chance - 0.02,
        "log_loss": 1.5 - accuracy, "p_value": np.clip(np.exp(-40 * (accuracy - chance)), 1 / 1001, 1), "c": 1.0,
    }  # fmt: skip
    table = pd.DataFrame(numbers).assign(model=model, dataset=dataset, feature=dataset, family=family, attention="self")
    table = _with_baselines(table.assign(codelength=np.nan), rng, control=dataset != REFUSED)
    folder = root / "results/probes" / model / dataset
    folder.mkdir(parents=True)
    table.to_parquet(folder / "heads.parquet")
    _write(folder / "summary.json", _summary(table.loc[table["accuracy"].idxmax()], shape, labels))


def _with_baselines(table: pd.DataFrame, rng: np.random.Generator, control: bool) -> pd.DataFrame:
    """Add what the probe stage measures beside a head: baselines, and margins with their intervals."""
    chance, accuracy, noise = 1 / table["n_classes"], table["accuracy"], rng.normal(0, 0.02, len(table))
    table = table.assign(
        control_accuracy=chance + 0.1 + noise if control else np.nan, majority=chance, surface=chance + 0.05,
        embedding=chance + 0.08, untrained=chance + 0.04 + noise, projection=chance + 0.4 * (accuracy - chance) + noise,
        skyline=np.clip(0.9 + 0.01 * table["layer"], 0, 1),
    )  # fmt: skip
    for baseline, margin in MARGINS.items():
        table[margin] = accuracy - table[baseline]
        table[f"{margin}_low"], table[f"{margin}_high"] = table[margin] - 0.04, table[margin] + 0.04
    return table


def _summary(best: pd.Series, shape: tuple[int, int], labels: tuple[str, ...]) -> dict[str, Any]:
    dataset, scores = best["dataset"], ("accuracy", "accuracy_low", "accuracy_high")
    refused = WHY if dataset == REFUSED else None
    return {
        **{key: best[key] for key in ("model", "dataset", "feature", "family")}, "classes": list(labels),
        "n_examples": 1200, "n_groups": 300, "n_dropped": 4 if dataset == "sentiment" else 0,
        **{key: float(best[key]) for key in ("majority", "surface", "embedding")}, "n_significant": 10,
        "best": {key: int(best[key]) for key in ("layer", "head")}
        | {key: float(best[key]) for key in (*scores, "p_value")},
        "selected": {key: float(best[key]) - 0.01 for key in scores} | {"heads": ["L2H3", "L0H1", *["L2H3"] * 3]},
        "null": {
            "permutations": 1000, "design": "balanced" if dataset == "subject_number" else "constant",
            "exchange": "names", "movable": 1.0, "smallest": 1 / 1001, "best_expected": best["majority"] + 0.04,
            "best_observed": float(best["accuracy"]),
        },
        "control": {"refused": refused, "recurring": None if refused else 1.0},
        "unconverged": [{"head": f"L0H{i}", "problems": 2} for i in range(7)] if dataset == UNSOLVED else [],
        "unconverged_baselines": {"skyline": 1} if dataset == UNSOLVED else {},
        "warnings": [f"no selectivity: {refused}; so no head can be called selective"] if refused else [],
        "extraction": {
            "source": "somewhere", "revision": "r1", "weights_sha256": "cd" * 32, "model_type": "bert",
            "n_layers": shape[0], "n_heads": [shape[1]] * shape[0], "d_head": [32] * shape[0], "d_model": 384,
            "readout": "span" if dataset != "sentiment" else "mean", "untrained_seed": 7,
        },
    }  # fmt: skip


def _write_taxonomy(root: Path, model: str) -> None:
    cells = sorted((root / "results/probes" / model).iterdir())
    scores = pd.concat([pd.read_parquet(cell / "heads.parquet") for cell in cells], ignore_index=True)
    scores["name"] = "L" + scores["layer"].astype(str) + "H" + scores["head"].astype(str)
    won = scores[(scores["p_value"] < 0.05) & (scores["accuracy_low"] > scores["majority"])].copy()
    needed = [
        f"{MARGINS[name]}_low" for name in ("control_accuracy", "surface", "embedding", "untrained", "projection")
    ]
    won["rung"] = 1 + (won[needed] > 0).all(axis=1).astype(int)
    won["phase"] = [FEATURES[feature][1] for feature in won["feature"]]
    won["cell"] = [FEATURES[feature][2] for feature in won["feature"]]
    won["margin"] = won["accuracy"] - won["majority"]
    rows = [_taxonomy_row(model, *key, won) for key, _ in scores.groupby(["layer", "head", "name"])]
    folder = root / "results/taxonomy" / model
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_csv(folder / "heads.csv", index=False)
    won[[
        "model", "layer", "head", "name", "feature", "dataset", "family", "phase", "cell", "rung", "accuracy",
        "accuracy_low", "accuracy_high", "margin", "p_value", *needed,
    ]].to_csv(folder / "assignments.csv", index=False)  # fmt: skip
    taxonomy = {
        "model": model, "thresholds": {"alpha": 0.05}, "mapping_note": "The mapping is our hypothesis.",
        "rungs": [{"rung": 0, "name": "not decodable", "rule": "no rung above"},
                  {"rung": 1, "name": "decodable", "rule": "p < alpha, and the interval lies above majority"},
                  {"rung": 2, "name": "selective", "rule": "rung 1, and the margins lie above 0"}],
        "phases": {
            "Knowledge Recalling": ["Memory Head"], "Latent Reasoning": ["Truthfulness Head"],
            "In-Context Identification": sorted({cell for _, _, cell, _ in FEATURES.values()}),
            "Expression Preparation": [],
        },
        "not_identifiable": [{"head": "Induction Head", "phase": "Latent Reasoning", "reason": "copies tokens"}],
        "features": {name: {"family": family, "phases": phases.split(";"), "cells": [cell]}
                     for name, (family, phases, cell, _) in FEATURES.items()},
    }  # fmt: skip
    _write(folder / "taxonomy.json", taxonomy)
    _phase_map(won).to_csv(folder / "phases.csv", index=False)
    shared = scores.assign(rung=won["rung"].reindex(scores.index).fillna(0).astype(int))
    left = 1 - scores["majority"]
    for name, of in {"share": "accuracy", "share_low": "accuracy_low", "share_high": "accuracy_high"}.items():
        shared[name] = (scores[of] - scores["majority"]) / left
    shared.assign(p_adjusted=shared["p_value"]).to_csv(folder / "scores.csv", index=False)
    layer_profiles(shared).to_csv(folder / "layers.csv", index=False)
    nearest_heads(profiles(shared), 2).to_csv(folder / "nearest.csv", index=False)


def _phase_map(won: pd.DataFrame) -> pd.DataFrame:
    """Return a four-phase map of the cells that the made-up features speak for, and of a head that none tells."""
    rows = []
    for feature, (_, phases, cell, _) in FEATURES.items():
        passed = won[won["feature"] == feature]
        counts = {name: int((passed["rung"] >= rung).sum()) for name, rung in (("n_decodable", 1), ("n_selective", 2))}
        rows.append({
            "phase": phases.split(";")[0], "group": "a group", "cell": cell, "does": "acts",
            "methods": "modeling-free", "status": "candidate", "features": feature, **counts, "n_general": 0,
        })  # fmt: skip
    untold = {"phase": "Latent Reasoning", "group": "a group", "cell": "Induction Head", "does": "goes on",
              "methods": "training-free", "status": "not identifiable", "features": ""}  # fmt: skip
    return pd.DataFrame([*rows, untold]).astype(dict.fromkeys(("n_decodable", "n_selective", "n_general"), "Int64"))


def _taxonomy_row(model: str, layer: int, head: int, name: str, won: pd.DataFrame) -> dict[str, Any]:
    mine = won[won["name"] == name]
    families = sorted(set(mine["family"]))
    rung = int(mine["rung"].max()) if families else 0
    phases = sorted({phase for cell in mine["phase"] for phase in cell.split(";")})
    return {
        "model": model, "layer": layer, "head": head, "name": name,
        "label": families[0] if len(families) == 1 else "polyfunctional" if families else "unassigned",
        "family": ";".join(families), "phase": ";".join(phases), "features": ";".join(mine["feature"]),
        "rung": rung, "rung_name": ("not decodable", "decodable", "selective")[rung],
        "specialisation": round(1 / max(1, len(families)), 6) if families else None, "stability": None,
        "attention": "self",
    }  # fmt: skip
