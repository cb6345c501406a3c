"""Stage `probe@<model>-<dataset>`: activations and labels in, the evidence on every head out."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pipeline.device import choose_device
from pipeline.errors import PipelineError, exit_on
from pipeline.inputs import Inputs, read_inputs
from pipeline.jsonfile import write_json
from pipeline.params import load_params, read_section
from pipeline.predictions import write_predictions
from pipeline.probefile import PARTS, write_probes, write_replicates
from pipeline.probeparams import ProbeParams
from pipeline.progress import named
from pipeline.store import untrained_name, z_name
from probes.baselines import majority_correct, project
from probes.codelength import online_codelength
from probes.control import check_control, control_labels, recurring
from probes.crossval import HeadProbes, probe_vectors
from probes.errors import ProbeError
from probes.evidence import Bootstrap, comparison_columns, score_columns
from probes.findings import LEVEL, Findings, summarise
from probes.generality import Elsewhere, check_variants, general_columns, probe_other_variants
from probes.greedy import Cell
from probes.metrics import correctness
from probes.null import MaxNull, max_statistic_null, refitted_accuracies
from probes.refit import full_accuracies
from probes.sets import HeadSets, SetPlan, heads_needed, sets_of_heads
from probes.stability import differences, other_deals, refit, replicate, usual_strengths
from probes.table import head_name, heads_table

Ints = NDArray[np.int64]
Step = Callable[[str], None]  # called with the name of what begins, for the bar at a terminal
NULL_PROBES = {"one_step": refitted_accuracies, "full": full_accuracies}


@dataclass
class Probed:
    """What the probes of a cell found, filled layer by layer.

    Attributes:
        layers: Probes of the heads of every layer.
        right: Baseline to how right it was, in [0, 1], (n_heads or 1, n_examples) for every stack of layers.
        elsewhere: What the probes of other variants say, for every stack of layers; empty where there are none.
        codelength: Bits of every head, for every stack of layers; empty where not asked for.
        unsolved: Baseline to problems that did not converge and were left out of the choice.
    """

    layers: list[HeadProbes] = field(default_factory=list)
    right: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    codelength: list[NDArray[np.float64]] = field(default_factory=list)
    unsolved: dict[str, int] = field(default_factory=dict)

    @cached_property
    def log_proba(self) -> NDArray[np.float32]:
        """Out-of-fold log-probabilities of all heads, (n_heads, n_examples, n_classes), once all layers are there."""
        return np.concatenate([layer.log_proba.numpy() for layer in self.layers])

    @cached_property
    def strength(self) -> NDArray[np.float64]:
        """Inverse penalty C that each head chose, (n_heads, n_folds), once all layers are there."""
        return np.concatenate([layer.strength.numpy() for layer in self.layers])


def main(argv: Sequence[str] | None = None) -> None:
    """Run one cell: probe every head and every baseline out of fold, with intervals and the null over all heads.

    Args:
        argv: Model and dataset; the command line's when None.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.probe", description=main.__doc__)
    parser.add_argument("model")
    parser.add_argument("dataset")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    params = load_params(Path("params.yaml"))
    settings = read_section(params, "probe", ProbeParams)
    cell = read_inputs(Path("data"), args.model, args.dataset)
    controls, refused = _controls(cell, settings)
    not_general = _variants_refused(cell)
    n_folds = int(cell.folds.max()) + 1
    deals, not_dealt = other_deals(cell.labels, cell.groups, n_folds, settings.deals, settings.seed)
    with named(f"probe {args.model} {args.dataset}", _n_steps(cell, len(deals), not not_general, settings)) as step:
        probed = _probe(cell, controls, not not_general, settings, step)
        null = _null(cell, settings, step)
        right = _right(cell, probed)
        table = _table(cell, probed, right, null, settings)
        replicates = _replicates(cell, probed, right, deals, settings, step)
        step("sets of heads")
        sets = _sets(cell, probed, settings)
    summary = _summary(cell, table, null, probed, controls, refused, settings)
    summary["heads_needed"] = heads_needed(sets.sets, summary["majority"])
    summary["general"] = {"variants": cell.variant_names, "refused": not_general or None}
    summary["replicates"] = {
        **{"deals": len(deals), "refused": not_dealt or None},
        "confidence": settings.confidence,
    }
    folder = Path("results/probes") / args.model / args.dataset
    _write(folder, cell, probed, table, summary)
    sets.sets.to_parquet(folder / "sets.parquet", index=False)
    sets.chosen.to_parquet(folder / "chosen.parquet", index=False)
    write_replicates(folder / "replicates.safetensors", replicates, null.best)
    print(_told(summary, table, _alpha(params), time.perf_counter() - begun))


def _alpha(params: Mapping[str, Any]) -> float:
    """Return the level that heads are counted by in the printed line; it changes no output, so nothing is refused."""
    section = params["taxonomy"]
    alpha = section.get("alpha") if isinstance(section, Mapping) else None
    return alpha if isinstance(alpha, float) else LEVEL


def _told(summary: Mapping[str, Any], table: pd.DataFrame, alpha: float, seconds: float) -> str:
    """Return the line about a finished cell."""
    best, n_warnings = summary["best"], len(summary["warnings"])
    passing = (table["p_value"] < alpha) & (table["accuracy_low"] > table["majority"])
    warnings = f"{n_warnings} warning{'s' if n_warnings > 1 else ''}, see summary.json; " if n_warnings else ""
    return (
        f"probe {summary['model']} {summary['dataset']}: best {head_name(best['layer'], best['head'])} "
        f"{best['accuracy']:.3f} [{best['accuracy_low']:.3f}, {best['accuracy_high']:.3f}], chosen on other folds "
        f"{summary['selected']['accuracy']:.3f}, majority {summary['majority']:.3f}; {passing.sum()} of {len(table)} "
        f"heads pass (p < {alpha:g}, interval above majority); {warnings}{seconds:.1f} s"
    )


def _n_steps(cell: Inputs, n_deals: int, general: bool, settings: ProbeParams) -> int:
    """Return how many steps the bar at a terminal has; z, untrained and projection for every deal of the folds."""
    a_stack = 3 + general + settings.codelength + 1 + 3 * n_deals  # 1 for the null
    return len(cell.head_stacks()) * a_stack + len(cell.residual_stacks()) + 1 + n_deals + 1


def _controls(cell: Inputs, settings: ProbeParams) -> tuple[Ints, str]:
    """Return labels of the control tasks, (n_draws, n_examples), or none and the reason."""
    known = [key for key in cell.control_keys if key is not None]
    draws = np.empty((0, len(cell.rows)), dtype=np.int64)
    if len(known) == len(cell.rows):
        draws = control_labels(cell.labels, known, settings.controls, settings.seed)
    try:
        check_control(cell.labels, cell.control_keys, cell.folds, draws)
    except ProbeError as error:
        return draws[:0], str(error)
    return draws, ""


def _variants_refused(cell: Inputs) -> str:
    """Return why no variant can be held out, or nothing."""
    try:
        check_variants(cell.labels, cell.folds, cell.variants)
    except ProbeError as error:
        return str(error)
    return ""


def _probe(cell: Inputs, controls: Ints, general: bool, settings: ProbeParams, step: Step) -> Probed:
    """Probe z with real and control labels, and every baseline, a stack of layers at a time."""
    device = choose_device(settings.device)
    labels, folds, variants = (torch.from_numpy(part).to(device) for part in (cell.labels, cell.folds, cell.variants))
    vectors = torch.cat([labels[None], torch.from_numpy(controls).to(device)])
    strengths = torch.tensor(settings.c_grid, dtype=torch.float64, device=device)
    probed = Probed()

    def run(x: torch.Tensor, targets: torch.Tensor) -> list[HeadProbes]:
        probes = probe_vectors(x.to(device), targets, folds, len(cell.classes), strengths)
        return [each.cpu() for each in probes]

    def note(name: str, x: torch.Tensor) -> None:
        step(name)
        (probes,) = run(x, labels[None])
        probed.right.setdefault(name, []).append(correctness(probes.log_proba.numpy(), cell.labels))
        probed.unsolved[name] = probed.unsolved.get(name, 0) + int(probes.n_unsolved.sum())

    for layers in cell.head_stacks():
        step("heads")
        z = torch.from_numpy(cell.heads(layers, z_name))
        real, *control = run(z, vectors)
        probed.layers += real.split([cell.manifest["n_heads"][layer] for layer in layers])
        if control:
            _note_control(probed, control, controls)
        if general:
            step("variants")
            parts = (labels, folds, variants, len(cell.classes), strengths)
            probed.elsewhere.append(probe_other_variants(z.to(device), *parts, settings.permutations, settings.seed))
        if settings.codelength:
            step("codelength")
            groups, n_classes = cell.groups, len(cell.classes)
            probed.codelength.append(
                online_codelength(z.to(device), labels, groups, n_classes, strengths, settings.seed)
            )
        note("untrained", torch.from_numpy(cell.heads(layers, untrained_name)))
        note("projection", _projections(cell, layers, settings.seed))
    for layers in cell.residual_stacks():
        note("skyline", torch.from_numpy(cell.leaving(layers)))
    note("embedding", torch.from_numpy(cell.embedding()))
    return probed


def _note_control(probed: Probed, control: Sequence[HeadProbes], draws: Ints) -> None:
    """Add how often the heads of a stack were right on control labels, the mean over the draws."""
    right = [
        correctness(probes.log_proba.numpy(), draw).astype(np.float32)
        for probes, draw in zip(control, draws, strict=True)
    ]
    probed.right.setdefault("control", []).append(np.mean(right, axis=0))
    unsolved = sum(int(probes.n_unsolved.sum()) for probes in control)
    probed.unsolved["control"] = probed.unsolved.get("control", 0) + unsolved


def _projections(cell: Inputs, layers: Sequence[int], seed: int) -> torch.Tensor:
    """Return a projection of the residual stream entering the layer for every head, (n_heads, n_examples, d_head)."""
    shapes = [(cell.manifest["n_heads"][layer], cell.manifest["d_head"][layer]) for layer in layers]
    streams = [torch.from_numpy(cell.entering(layer)) for layer in layers]
    return torch.cat([
        project(stream, *shape, seed + layer) for layer, stream, shape in zip(layers, streams, shapes, strict=True)
    ])


def _null(cell: Inputs, settings: ProbeParams, step: Step) -> MaxNull:
    device = choose_device(settings.device)

    def stacks() -> Iterator[torch.Tensor]:
        for layers in cell.head_stacks():
            step("permutations")
            yield torch.from_numpy(cell.heads(layers, z_name)).to(device)

    middle = settings.c_grid[len(settings.c_grid) // 2]
    draws, seed, fit = settings.permutations, settings.seed, NULL_PROBES[settings.null_probe]
    return max_statistic_null(stacks(), cell.labels, cell.groups, cell.folds, middle, draws, seed, fit)


def _right(cell: Inputs, probed: Probed) -> dict[str, NDArray[np.float64]]:
    """Return how right every baseline was, in [0, 1], (n_heads or 1, n_examples) each."""
    right = {name: np.concatenate(parts).astype(np.float64) for name, parts in probed.right.items()}
    right["skyline"] = np.repeat(right["skyline"], cell.manifest["n_heads"], axis=0)
    right["majority"] = majority_correct(cell.labels).astype(np.float64)
    right["surface"] = cell.surface_right.astype(np.float64)
    return right


def _replicates(
    cell: Inputs,
    probed: Probed,
    right: dict[str, NDArray[np.float64]],
    deals: list[Ints],
    settings: ProbeParams,
    step: Step,
) -> dict[str, NDArray[np.float64]]:
    """Return accuracy and margins of every head in every replicate, (n_replicates, n_heads) each.

    Heads, embedding, untrained model and projection are probed anew under every deal of folds. The bag of words and the
    control tasks keep their folds: the one takes as long as the rest, the others several times that.
    """
    device = choose_device(settings.device)
    (strength,) = usual_strengths(probed.strength, 1)

    def stacks() -> Iterator[tuple[str, torch.Tensor]]:
        for name, x in _stacks(cell, settings.seed):
            step("other folds")
            yield name, x.to(device)

    every = [differences(correctness(probed.log_proba, cell.labels), right)]
    for folds in deals:
        found = refit(stacks(), cell.labels, folds, len(cell.classes), strength)
        every.append(differences(found["z"], right | found))
    return replicate(every, cell.groups, settings.replicates, settings.seed)


def _sets(cell: Inputs, probed: Probed, settings: ProbeParams) -> HeadSets:
    """Return what heads know together. Joint probes choose between the two penalties that heads chose most often."""
    device = choose_device(settings.device)
    stacks = [torch.from_numpy(cell.heads(layers, z_name)).to(device) for layers in cell.head_stacks()]
    heads = Cell(stacks, probed.layers, cell.places, cell.labels, cell.groups, cell.folds, len(cell.classes))
    plan = SetPlan(settings.sets, settings.random_sets, tuple(usual_strengths(probed.strength, 2)), settings.seed)
    return sets_of_heads(heads, plan, _bootstrap(settings))


def _bootstrap(settings: ProbeParams) -> Bootstrap:
    return Bootstrap(settings.bootstrap, settings.confidence, settings.seed)


def _stacks(cell: Inputs, seed: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the heads and what they are compared with, a stack of layers at a time."""
    for layers in cell.head_stacks():
        yield "z", torch.from_numpy(cell.heads(layers, z_name))
        yield "untrained", torch.from_numpy(cell.heads(layers, untrained_name))
        yield "projection", _projections(cell, layers, seed)
    yield "embedding", torch.from_numpy(cell.embedding())


def _table(
    cell: Inputs, probed: Probed, right: dict[str, NDArray[np.float64]], null: MaxNull, settings: ProbeParams
) -> pd.DataFrame:
    bootstrap = _bootstrap(settings)
    scores = {
        **score_columns(probed.log_proba, cell.labels, cell.groups, bootstrap),
        **comparison_columns(correctness(probed.log_proba, cell.labels), right, cell.groups, bootstrap),
        **_general(cell, probed, bootstrap),
        **({"codelength": np.concatenate(probed.codelength)} if probed.codelength else {}),
        "null_accuracy": null.observed,
        "p_value": null.p_values,
        "c": np.concatenate([layer.strength.median(1).values.numpy() for layer in probed.layers]),
    }
    shared = {
        **{name: cell.manifest[name] for name in ("model", "dataset")},
        **{name: cell.card[name] for name in ("feature", "family")},
        "n_examples": len(cell.rows),
        "n_groups": cell.rows["group"].nunique(),
        "n_classes": len(cell.classes),
    }
    attention = np.repeat(cell.manifest["attention"], cell.manifest["n_heads"])
    return heads_table({**shared, "attention": attention}, cell.places, scores)


def _general(cell: Inputs, probed: Probed, bootstrap: Bootstrap) -> dict[str, NDArray[Any]]:
    """Return the columns that say whether knowledge holds on other variants; none where that could not be asked."""
    if not probed.elsewhere:
        return {}
    correct = correctness(np.concatenate([part.log_proba for part in probed.elsewhere]), cell.labels)
    turned = np.concatenate([part.turned for part in probed.elsewhere], axis=1)
    return general_columns(correct, turned, cell.labels, cell.groups, cell.variants, cell.variant_names, bootstrap)


def _summary(
    cell: Inputs,
    table: pd.DataFrame,
    null: MaxNull,
    probed: Probed,
    controls: Ints,
    refused: str,
    settings: ProbeParams,
) -> dict[str, Any]:
    found = Findings(
        table=table,
        correct=correctness(probed.log_proba, cell.labels),
        chooser_loss=np.concatenate([layer.chooser_loss.numpy() for layer in probed.layers]),
        groups=cell.groups,
        folds=cell.folds,
        null=null,
        unsolved=np.concatenate([layer.n_unsolved.numpy() for layer in probed.layers]),
        baselines_unsolved=probed.unsolved,
        bootstrap=_bootstrap(settings),
        control_recurs=recurring(cell.rows["control_key"].tolist(), cell.folds) if len(controls) else None,
        control_refused=refused,
    )
    shapes = ("n_layers", "layers", "attention", "n_heads", "d_head", "d_model")
    extraction = ("source", "revision", "weights_sha256", "model_type", "precision", *shapes)
    return {
        **{name: cell.manifest[name] for name in ("model", "dataset")},
        **{name: cell.card[name] for name in ("feature", "family")},
        "classes": cell.classes,
        "n_dropped": len(cell.manifest["dropped_too_long"]),
        **summarise(found),
        "extraction": {name: cell.manifest[name] for name in (*extraction, "readout", "untrained_seed")},
    }


def _write(folder: Path, cell: Inputs, probed: Probed, table: pd.DataFrame, summary: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "heads.parquet", index=False)
    names = [head_name(*place) for place in cell.places]
    ids, labels = cell.rows["example_id"].tolist(), cell.rows["label"].tolist()
    write_predictions(folder / "predictions.parquet", ids, labels, cell.folds, names, probed.log_proba)
    layers = {
        number: {part: getattr(layer, part).numpy() for part in PARTS}
        for number, layer in zip(cell.manifest["layers"], probed.layers, strict=True)
    }
    write_probes(folder / "probes.safetensors", layers, cell.classes, summary["model"])
    write_json(folder / "summary.json", summary)


if __name__ == "__main__":
    with exit_on(PipelineError, ProbeError):
        main()
