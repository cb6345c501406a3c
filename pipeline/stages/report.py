"""Stage `report`: every result of a run -> the page, the figures, the tables, the references, the metrics.

Run as `python -m pipeline.stages.report` from the top folder of the project.
"""

import argparse
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cells import wanted_cells
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import read_json, write_json
from pipeline.params import load_params, read_section
from pipeline.report import results, tables
from pipeline.report.comparison_figures import Comparison
from pipeline.report.gallery import Structure, figure_files
from pipeline.report.page import render_page
from pipeline.report.provenance import provenance
from pipeline.report.references import bibliography
from pipeline.report.results import Atlas, ModelResults
from pipeline.report.structure_figures import Tree
from probes.across import compare_models
from probes.errors import ProbeError
from probes.profiles import family_shares
from probes.structure import cluster_heads, profiles

EXAMPLES = Path("data/examples")
PROBES = Path("results/probes")
TAXONOMY = Path("results/taxonomy")
REPORT = Path("results/report")
METRICS = Path("results/metrics.json")


@dataclass(frozen=True)
class ReportParams:
    """Section `report` of params.yaml.

    Attributes:
        top_heads: Heads listed for each model and dataset in `best_heads.csv`.
    """

    top_heads: int


def main(argv: Sequence[str] | None = None) -> None:
    """Write the report of the run in the current folder.

    Args:
        argv: Command line, which takes no arguments; that of the process by default.

    Raises:
        PipelineError: If a cell is missing, unexpected or not readable, or a param is wrong.
    """
    argparse.ArgumentParser(prog="python -m pipeline.stages.report", description=__doc__).parse_args(argv)
    params = load_params(Path("params.yaml"))
    options = read_section(params, "report", ReportParams)
    if options.top_heads < 1:
        raise PipelineError(f"params.yaml: report.top_heads: expected 1 or more, got {options.top_heads}")
    atlas = read_atlas(params)
    write_report(atlas, options)
    print(f"report: {(REPORT / 'index.html').as_posix()}")


def read_atlas(params: Mapping[str, Any]) -> Atlas:
    """Return all results that params.yaml asks for.

    Args:
        params: The params file.

    Raises:
        PipelineError: If a cell is missing, unexpected or not readable.
    """
    models, datasets = list(params["models"]), list(params["datasets"])
    cards = {
        cell.name: _read_json(cell / "card.json", results.CARD_KEYS)
        for cell in wanted_cells(EXAMPLES, datasets, "dataset")
    }
    probes, taxonomies = wanted_cells(PROBES, models, "model"), wanted_cells(TAXONOMY, models, "model")
    found = [_read_model(*folders, datasets) for folders in zip(probes, taxonomies, strict=True)]
    return Atlas(params, cards, tuple(found))


def _read_model(probes: Path, taxonomy: Path, datasets: Sequence[str]) -> ModelResults:
    cells = wanted_cells(probes, datasets, "dataset")
    return ModelResults(
        slug=probes.name,
        scores=pd.concat([_read_scores(cell / "heads.parquet") for cell in cells], ignore_index=True),
        summaries={cell.name: _read_json(cell / "summary.json", results.SUMMARY_KEYS) for cell in cells},
        heads=_read_csv(taxonomy / "heads.csv", results.HEAD_COLUMNS),
        assignments=_read_csv(taxonomy / "assignments.csv", results.ASSIGNMENT_COLUMNS),
        phases=_read_csv(taxonomy / "phases.csv", results.PHASE_COLUMNS),
        taxonomy=_read_json(taxonomy / "taxonomy.json", results.TAXONOMY_KEYS),
    )


def _read_scores(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (FileNotFoundError, ValueError) as error:
        raise _unreadable(path, error) from None
    results.check_columns(table, results.SCORE_COLUMNS, str(path))
    # what was not measured may be a column of None, which would not stack with numbers
    return table.astype(dict.fromkeys(results.MEASURES, float)).sort_values(["layer", "head"], ignore_index=True)


def _read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (FileNotFoundError, ValueError) as error:
        raise _unreadable(path, error) from None
    results.check_columns(table, columns, str(path))
    return results.with_numbers(table)


def _read_json(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    block = read_json(path)
    results.check_keys(block, keys, str(path))
    return block


def _unreadable(path: Path, error: Exception) -> PipelineError:
    reason = "no such file" if isinstance(error, FileNotFoundError) else f"not readable: {error}"
    return PipelineError(f"{path}: {reason}; make it again: `dvc repro`")


def write_report(atlas: Atlas, options: ReportParams) -> None:
    """Write every output of the stage.

    Args:
        atlas: The run.
        options: Section `report` of the params.

    Raises:
        PipelineError: If dvc.lock is damaged, or the cells of a model come from different weights.
    """
    origin = provenance(atlas, Path())
    shutil.rmtree(REPORT, ignore_errors=True)  # or the figure of a removed dataset would stay
    for name, table in {
        "best_heads": tables.best_heads(atlas, options.top_heads),
        "datasets": tables.dataset_facts(atlas),
        "heatmap": tables.heat_map(atlas),
    }.items():
        _write(REPORT / "tables" / f"{name}.csv", table.to_csv(index=False, lineterminator="\n").encode("utf-8"))
    rung = int(atlas.params["taxonomy"]["label_rung"])
    scores = {
        model.slug: _read_csv(TAXONOMY / model.slug / "scores.csv", results.PROFILE_COLUMNS) for model in atlas.models
    }
    for name, content in figure_files(atlas, _structure(scores, rung)):
        _write(REPORT / "figures" / name, content)
    _write(REPORT / "references.bib", bibliography(atlas, origin["code_commit"]).encode("utf-8"))
    write_json(REPORT / "provenance.json", origin)
    _write(REPORT / "index.html", render_page(atlas, origin).encode("utf-8"))
    write_json(METRICS, tables.metrics(atlas))


def _structure(scores: Mapping[str, pd.DataFrame], rung: int) -> Structure:
    """Return what heads, layers and models have to do with each other."""
    layers = {slug: _read_csv(TAXONOMY / slug / "layers.csv", results.LAYER_COLUMNS) for slug in scores}
    trees = {slug: _tree(rows, rung) for slug, rows in scores.items() if rows["name"].nunique() > 1}
    return Structure(layers, trees, _comparison(scores, rung))


def _tree(rows: pd.DataFrame, rung: int) -> Tree:
    found = cluster_heads(profiles(rows))
    return Tree(found.linkage, found.leaves, found.clusters, family_shares(rows, rung))


def _comparison(scores: Mapping[str, pd.DataFrame], rung: int) -> Comparison | None:
    """Write the tables of several models side by side, and return what figures show of them; nothing for one model."""
    if len(scores) < 2:
        return None
    found = compare_models(scores, rung)
    for name in ("bands", "agreement", "features"):
        table = getattr(found, name).to_csv(index=False, float_format="%.6f", lineterminator="\n")
        _write(REPORT / "tables" / f"models_{name}.csv", table.encode("utf-8"))
    return Comparison(found.profiles, found.bands, found.agreement, found.features, found.datasets)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    with exit_on(PipelineError, ProbeError):
        main()
