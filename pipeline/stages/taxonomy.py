"""Stage `taxonomy@<model>`: all probe cells of a model in, one row a head out."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.cells import wanted_cells
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import write_json
from pipeline.params import load_params, read_section
from probes.errors import ProbeError
from probes.survey import Survey, parse_survey
from probes.taxonomy import RUNGS, assign, classify_heads


@dataclass(frozen=True)
class TaxonomyParams:
    """The section `taxonomy` of params.yaml.

    Attributes:
        alpha: Family-wise error rate over the heads of a cell.
    """

    alpha: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise PipelineError(f"params.yaml: taxonomy.alpha: expected a share between 0 and 1, got {self.alpha}")


def main(argv: Sequence[str] | None = None) -> None:
    """Aggregate exactly the cells that params.yaml names into the head taxonomy of one model.

    Args:
        argv: Model; the command line's when None.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.taxonomy", description=main.__doc__)
    parser.add_argument("model")
    model = parser.parse_args(argv).model
    params = load_params(Path("params.yaml"))
    settings = read_section(params, "taxonomy", TaxonomyParams)
    cells = wanted_cells(Path("results/probes") / model, params["datasets"], "dataset")
    survey = parse_survey(yaml.safe_load(Path("data/taxonomy.yaml").read_text(encoding="utf-8")))
    results = pd.concat([pd.read_parquet(cell / "heads.parquet") for cell in cells], ignore_index=True)
    assignments = assign(results, survey, settings.alpha)
    heads = classify_heads(results, assignments)
    heads = heads.merge(results[["layer", "head", "attention"]].drop_duplicates(), on=["layer", "head"])

    folder = Path("results/taxonomy") / model
    folder.mkdir(parents=True, exist_ok=True)
    heads.to_csv(folder / "heads.csv", index=False, float_format="%.6f", lineterminator="\n")
    assignments.to_csv(folder / "assignments.csv", index=False, float_format="%.6f", lineterminator="\n")
    write_json(folder / "taxonomy.json", _summary(model, settings, survey, results, heads))
    decodable, selective = (int((heads["rung"] >= rung).sum()) for rung in (1, 2))
    print(
        f"taxonomy {model}: {decodable} of {len(heads)} heads decodable, {selective} selective, "
        f"{_counts(heads['label'])}"
    )


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
        "thresholds": {"alpha": settings.alpha},
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
