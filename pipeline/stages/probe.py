"""Stage `probe@<model>-<dataset>`: activations and labels in, the evidence on every head out."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from probes.baselines import project
from probes.codelength import online_codelength
from probes.control import check_control, control_labels, recurring
from probes.crossval import HeadProbes, probe_vectors
from probes.errors import ProbeError
from probes.evidence import Bootstrap, comparison_columns, score_columns
from probes.findings import LEVEL, Findings, summarise
from probes.generality import check_variants, general_columns, probe_other_variants
from probes.greedy import Cell
from probes.metrics import correctness
from probes.null import MaxNull, max_statistic_null, refitted_accuracies
from probes.probed import Probed
from probes.refit import full_accuracies
from probes.sets import HeadSets, SetPlan, heads_needed, sets_of_heads
from probes.stability import differences, other_deals, refit, replicate, usual_strengths
from probes.table import head_name, heads_table
from probes.told import told

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NULL_PROBES = {"one_step": refitted_accuracies, "full": full_accuracies}


@dataclass(frozen=True)
class Run:
    """What the steps of a cell share.

    Attributes:
        cell: What is probed.
        settings: The section `probe` of params.yaml.
        device: Where the probes are computed.
        step: Told the name of every step as it begins.
    """

    cell: Inputs
    settings: ProbeParams
    device: torch.device
    step: Callable[[str], None]

    @property
    def bootstrap(self) -> Bootstrap:
        """How intervals are made."""
        return Bootstrap(self.settings.bootstrap, self.settings.confidence, self.settings.seed)

    @property
    def strengths(self) -> torch.Tensor:
        """Inverse penalties C to choose from, (n_penalties,) float64."""
        return torch.tensor(self.settings.c_grid, dtype=torch.float64, device=self.device)

    def heads(self, layers: Sequence[int]) -> torch.Tensor:
        """Return the outputs of all heads of some layers, (n_heads, n_examples, d_head) float32."""
        return torch.from_numpy(self.cell.heads(layers, z_name))

    def untrained(self, layers: Sequence[int]) -> torch.Tensor:
        """Return the same of the untrained twin."""
        return torch.from_numpy(self.cell.heads(layers, untrained_name))

    def projections(self, layers: Sequence[int]) -> torch.Tensor:
        """Return a projection of the stream entering the layer for every head, (n_heads, n_examples, d_head)."""
        shapes = [(self.cell.manifest["n_heads"][layer], self.cell.manifest["d_head"][layer]) for layer in layers]
        streams = [torch.from_numpy(self.cell.entering(layer)) for layer in layers]
        return torch.cat([
            project(stream, *shape, self.settings.seed + layer)
            for layer, stream, shape in zip(layers, streams, shapes, strict=True)
        ])

    def embedding(self) -> torch.Tensor:
        """Return the static embedding of the token read, (1, n_examples, its width)."""
        return torch.from_numpy(self.cell.embedding())


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
    device = choose_device(settings.device)
    cell = read_inputs(Path("data"), args.model, args.dataset)
    controls, no_control = _controls(cell, settings)
    not_general = _refused(check_variants, cell.labels, cell.folds, cell.variants)
    deals, not_dealt = other_deals(cell.labels, cell.groups, int(cell.folds.max()) + 1, settings.deals, settings.seed)
    with named(f"probe {args.model} {args.dataset}", _n_steps(cell, len(deals), not not_general, settings)) as step:
        run = Run(cell, settings, device, step)
        probed = _probe(run, controls, not not_general)
        null = _null(run)
        right = probed.right(cell.manifest["n_heads"], cell.surface_right)
        table = _table(run, probed, right, null)
        replicates = _replicates(run, probed, right, deals)
        sets = _sets(run, probed)
    summary = _summary(run, table, null, probed, controls, no_control)
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
    print(f"probe {told(summary, table, _alpha(params))}; {time.perf_counter() - begun:.1f} s")


def _alpha(params: Mapping[str, Any]) -> float:
    """Return the level that heads are counted by in the printed line; it changes no output, so nothing is refused."""
    section = params["taxonomy"]
    alpha = section.get("alpha") if isinstance(section, Mapping) else None
    return alpha if isinstance(alpha, float) else LEVEL


def _n_steps(cell: Inputs, n_deals: int, general: bool, settings: ProbeParams) -> int:
    """Return how many steps the bar at a terminal has; z, untrained and projection for every deal of the folds."""
    a_stack = 3 + general + settings.codelength + 1 + 3 * n_deals  # 1 for the null
    return len(cell.head_stacks()) * a_stack + len(cell.residual_stacks()) + 1 + n_deals + 1


def _refused(check: Callable[..., None], *arrays: Any) -> str:
    """Return why a check refuses what it is given, or nothing."""
    try:
        check(*arrays)
    except ProbeError as error:
        return str(error)
    return ""


def _controls(cell: Inputs, settings: ProbeParams) -> tuple[Ints, str]:
    """Return labels of the control tasks, (n_draws, n_examples), or none and the reason."""
    known = [key for key in cell.control_keys if key is not None]
    draws = np.empty((0, len(cell.rows)), dtype=np.int64)
    if len(known) == len(cell.rows):
        draws = control_labels(cell.labels, known, settings.controls, settings.seed)
    refused = _refused(check_control, cell.labels, cell.control_keys, cell.folds, draws)
    return draws[: 0 if refused else None], refused


def _probe(run: Run, controls: Ints, general: bool) -> Probed:
    """Probe z with real and control labels, and every baseline, a stack of layers at a time."""
    cell, settings, n_classes, strengths = run.cell, run.settings, len(run.cell.classes), run.strengths
    labels, folds, variants = (
        torch.from_numpy(part).to(run.device) for part in (cell.labels, cell.folds, cell.variants)
    )
    vectors = torch.cat([labels[None], torch.from_numpy(controls).to(run.device)])
    probed = Probed(cell.labels)

    def probes(x: torch.Tensor, targets: torch.Tensor) -> list[HeadProbes]:
        return [each.cpu() for each in probe_vectors(x.to(run.device), targets, folds, n_classes, strengths)]

    def baseline(name: str, x: torch.Tensor) -> None:
        run.step(name)
        probed.add_probed(name, *probes(x, labels[None]))

    for layers in cell.head_stacks():
        run.step("heads")
        z = run.heads(layers)
        real, *control = probes(z, vectors)
        probed.layers += real.split([cell.manifest["n_heads"][layer] for layer in layers])
        if control:
            probed.add_control(control, controls)
        if general:
            run.step("variants")
            parts = (labels, folds, variants, n_classes, strengths, settings.permutations, settings.seed)
            probed.elsewhere.append(probe_other_variants(z.to(run.device), *parts))
        if settings.codelength:
            run.step("codelength")
            bits = online_codelength(z.to(run.device), labels, cell.groups, n_classes, strengths, settings.seed)
            probed.codelength.append(bits)
        baseline("untrained", run.untrained(layers))
        baseline("projection", run.projections(layers))
    for layers in cell.residual_stacks():
        baseline("skyline", torch.from_numpy(cell.leaving(layers)))
    baseline("embedding", run.embedding())
    return probed


def _null(run: Run) -> MaxNull:
    cell, settings = run.cell, run.settings

    def stacks() -> Iterator[torch.Tensor]:
        for layers in cell.head_stacks():
            run.step("permutations")
            yield run.heads(layers).to(run.device)

    middle = settings.c_grid[len(settings.c_grid) // 2]
    draws, seed, fit = settings.permutations, settings.seed, NULL_PROBES[settings.null_probe]
    return max_statistic_null(stacks(), cell.labels, cell.groups, cell.folds, middle, draws, seed, fit)


def _replicates(run: Run, probed: Probed, right: dict[str, Floats], deals: list[Ints]) -> dict[str, Floats]:
    """Return accuracy and margins of every head in every replicate, (n_replicates, n_heads) each.

    Heads, embedding, untrained model and projection are probed anew under every deal of folds. The bag of words and the
    control tasks keep their folds: the one takes as long as the rest, the others several times that.
    """
    cell, settings = run.cell, run.settings
    (strength,) = usual_strengths(probed.strength, 1)
    every = [differences(probed.correct, right)]
    for folds in deals:
        found = refit(_refitted(run), cell.labels, folds, len(cell.classes), strength)
        every.append(differences(found["z"], right | found))
    return replicate(every, cell.groups, settings.replicates, settings.seed)


def _refitted(run: Run) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the heads and what is probed anew beside them, a stack of layers at a time."""

    def each() -> Iterator[tuple[str, torch.Tensor]]:
        for layers in run.cell.head_stacks():
            yield "z", run.heads(layers)
            yield "untrained", run.untrained(layers)
            yield "projection", run.projections(layers)
        yield "embedding", run.embedding()

    for name, x in each():
        run.step("other folds")
        yield name, x.to(run.device)


def _sets(run: Run, probed: Probed) -> HeadSets:
    """Return what heads know together. Joint probes choose between the two penalties that heads chose most often."""
    run.step("sets of heads")
    cell, settings = run.cell, run.settings
    stacks = [run.heads(layers).to(run.device) for layers in cell.head_stacks()]
    heads = Cell(stacks, probed.layers, cell.places, cell.labels, cell.groups, cell.folds, len(cell.classes))
    plan = SetPlan(settings.sets, settings.random_sets, tuple(usual_strengths(probed.strength, 2)), settings.seed)
    return sets_of_heads(heads, plan, run.bootstrap)


def _table(run: Run, probed: Probed, right: dict[str, Floats], null: MaxNull) -> pd.DataFrame:
    cell, bootstrap = run.cell, run.bootstrap
    scores = {
        **score_columns(probed.log_proba, cell.labels, cell.groups, bootstrap),
        **comparison_columns(probed.correct, right, cell.groups, bootstrap),
        **_general(cell, probed, bootstrap),
        **({"codelength": np.concatenate(probed.codelength)} if probed.codelength else {}),
        "null_accuracy": null.observed,
        "p_value": null.p_values,
        "c": probed.usual_strength,
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
    run: Run, table: pd.DataFrame, null: MaxNull, probed: Probed, controls: Ints, no_control: str
) -> dict[str, Any]:
    cell = run.cell
    found = Findings(
        table=table,
        correct=probed.correct,
        chooser_loss=probed.chooser_loss,
        groups=cell.groups,
        folds=cell.folds,
        null=null,
        unsolved=probed.unsolved,
        baselines_unsolved=probed.baselines_unsolved,
        bootstrap=run.bootstrap,
        control_recurs=recurring(cell.rows["control_key"].tolist(), cell.folds) if len(controls) else None,
        control_refused=no_control,
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
