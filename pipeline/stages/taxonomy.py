"""Stage `taxonomy@<model>`: all probe cells of a model in, one row a head out."""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from safetensors.numpy import load_file

from pipeline.cells import wanted_cells
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import read_json, write_json
from pipeline.params import load_params, read_section
from probes.errors import ProbeError
from probes.labels import leave_one_out, stability
from probes.profiles import layer_profiles, stack_depths
from probes.rungs import RUNGS, SELECTIVE, add_transfer
from probes.schema import TABLES, as_json, select
from probes.simultaneous import stretch
from probes.structure import cluster_heads, nearest_heads, profiles
from probes.survey import Survey, parse_survey, phase_map
from probes.taxonomy import assign, classify_heads, score_heads

NEAREST = 5  # heads listed as most like a head


@dataclass(frozen=True)
class TaxonomyParams:
    """The section `taxonomy` of params.yaml.

    Attributes:
        alpha: Family-wise error rate over the heads and datasets of a family.
        label_rung: Rung a head has to stand on for a feature that counts for its label.
        stable: Share of replicates that have to agree with a label.
    """

    alpha: float
    label_rung: int
    stable: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise PipelineError(f"params.yaml: taxonomy.alpha: expected a share between 0 and 1, got {self.alpha}")
        if self.label_rung not in (1, 2, 3):
            raise PipelineError(f"params.yaml: taxonomy.label_rung: expected 1, 2 or 3, got {self.label_rung}")
        if not 0 <= self.stable <= 1:
            raise PipelineError(f"params.yaml: taxonomy.stable: expected a share from 0 to 1, got {self.stable}")


def main(argv: Sequence[str] | None = None) -> None:
    """Aggregate exactly the cells that params.yaml names into the head taxonomy of one model.

    Args:
        argv: Model; the command line's when None.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.taxonomy", description=main.__doc__)
    parser.add_argument("model")
    model = parser.parse_args(argv).model
    begun = time.perf_counter()
    params = load_params(Path("params.yaml"))
    settings = read_section(params, "taxonomy", TaxonomyParams)
    cells = wanted_cells(Path("results/probes") / model, params["datasets"], "dataset")
    survey = parse_survey(yaml.safe_load(Path("data/taxonomy.yaml").read_text(encoding="utf-8")))
    results = pd.concat([pd.read_parquet(_there(cell / "heads.parquet")) for cell in cells], ignore_index=True)
    transfer = pd.read_parquet(_there(Path("results/transfer") / model / "transfer.parquet"))
    replicates = {cell.name: load_file(_there(cell / "replicates.safetensors")) for cell in cells}
    results["stretch"] = results["dataset"].map({cell.name: _stretch(cell, replicates[cell.name]) for cell in cells})
    scored = score_heads(add_transfer(results, transfer), settings.alpha)
    _warn_of_few_permutations(model, scored, replicates, settings.alpha)
    sets = pd.concat([_sets(cell) for cell in cells], ignore_index=True)
    tables = {"sets": sets.sort_values(["dataset", "size"])} | _tables(scored, replicates, survey, settings)
    folder = Path("results/taxonomy") / model
    _write(folder, tables)
    heads = tables["heads"]
    write_json(folder / "taxonomy.json", _summary(model, settings, survey, results, heads))
    reached = ", ".join(f"{int((heads['rung'] >= rung).sum())} {name}" for rung, name, _ in RUNGS[1:4])
    unstable = int((heads["stability"] < settings.stable).sum())
    labels = ", ".join(f"{count} {label}" for label, count in _counts(heads["label"]).items())
    seconds = time.perf_counter() - begun
    print(f"taxonomy {model}: of {len(heads)} heads {reached}; labels: {labels}; {unstable} unstable, {seconds:.1f} s")


def _stretch(cell: Path, values: Mapping[str, Any]) -> float:
    """Return the factor for the intervals of a dataset's margins, at the confidence they were made with."""
    confidence = read_json(cell / "summary.json")["replicates"]["confidence"]
    return stretch({name: values[name] for name in SELECTIVE if name in values}, confidence)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; made by another version? make it again: `dvc repro`")
    return path


def _sets(cell: Path) -> pd.DataFrame:
    """Return what sets of heads know in one cell, with the names of the cell."""
    summary = read_json(cell / "summary.json")
    names = {"dataset": cell.name, **{name: summary[name] for name in ("feature", "family")}}
    return pd.read_parquet(_there(cell / "sets.parquet")).assign(**names, needed=summary["heads_needed"])


def _warn_of_few_permutations(
    model: str, scored: pd.DataFrame, replicates: Mapping[str, Mapping[str, Any]], alpha: float
) -> None:
    """Say where permutations are too few for any head to pass, which would look like a finding."""
    for family, rows in scored.groupby("family"):
        n_cells = rows["dataset"].nunique()
        fewest = min(len(replicates[name]["null"]) for name in rows["dataset"].unique())
        if n_cells / (1 + fewest) >= alpha:
            needed = int(n_cells / alpha)
            print(
                f"taxonomy {model}: no {family} head can be decodable: with {n_cells} datasets of the family and "
                f"{fewest} permutations no p-value falls below {n_cells / (1 + fewest):.3f}; raise probe.permutations "
                f"to {needed} or more"
            )


def _tables(
    scored: pd.DataFrame, replicates: Mapping[str, Mapping[str, Any]], survey: Survey, settings: TaxonomyParams
) -> dict[str, pd.DataFrame]:
    """Return every table of the taxonomy by name."""
    assignments = assign(scored, survey)
    heads = classify_heads(scored, assignments, settings.label_rung)
    agreement, families = stability(scored, replicates, settings.alpha, settings.label_rung)
    heads = heads.merge(agreement, on=["layer", "head"]).merge(
        scored[["layer", "head", "attention"]].drop_duplicates(), on=["layer", "head"]
    )
    heads["stable"] = heads["stability"] >= settings.stable
    heads = heads.merge(stack_depths(scored)[["layer", "band"]].drop_duplicates("layer"), on="layer")
    shares = profiles(scored)
    tree = cluster_heads(shares) if len(shares) > 1 else None
    clusters = tree.clusters if tree and tree.clusters is not None else pd.DataFrame({"name": [], "cluster": []})
    features = dict(zip(scored["feature"], scored["family"], strict=True))
    return {
        "heads": heads.merge(clusters[["name", "cluster"]], on="name", how="left"),
        "assignments": assignments,
        "scores": scored,
        "families": families,
        "leave_one_out": leave_one_out(scored, settings.alpha, settings.label_rung),
        "phases": phase_map(assignments, survey, features),
        "layers": layer_profiles(scored, settings.label_rung),
        "nearest": nearest_heads(shares, NEAREST) if len(shares) > 1 else pd.DataFrame(columns=list(TABLES["nearest"])),
        "tree": tree.linkage if tree else pd.DataFrame(columns=list(TABLES["tree"])),
    }


def _write(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        select(name, table).to_csv(folder / f"{name}.csv", index=False, float_format="%.6f", lineterminator="\n")
    write_json(folder / "schema.json", {"tables": as_json()})


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(value): int(count) for value, count in column.value_counts().sort_index().items()}


def _summary(
    model: str, settings: TaxonomyParams, survey: Survey, results: pd.DataFrame, heads: pd.DataFrame
) -> dict[str, Any]:
    pairs = sorted({
        (str(feature), str(family)) for feature, family in zip(results["feature"], results["family"], strict=True)
    })
    places = {feature: survey.place(feature, family) for feature, family in pairs}
    candidates = {cell for place in places.values() for cell in place["cells"]}
    families = heads["family"].str.split(";").explode()
    return {
        "model": model,
        "thresholds": vars(settings),
        "rungs": [{"rung": rung, "name": name, "rule": rule} for rung, name, rule in RUNGS],
        "counts": {
            "heads": len(heads),
            "labels": _counts(heads["label"]),
            "rungs": _counts(heads["rung"]),
            "families": _counts(families[families != ""]),
        },
        "datasets": sorted(results["dataset"].unique()),
        "features": places,
        "phases": {phase: [cell for cell in cells if cell in candidates] for phase, cells in survey.phases.items()},
        "mapping_note": survey.note,
        "not_identifiable": survey.not_identifiable,
    }


if __name__ == "__main__":
    with exit_on(PipelineError, ProbeError):
        main()
