"""Stage `report`: every result of a run -> the page, the figures, the tables, the references, the metrics.

Run as `python -m pipeline.stages.report` from the top folder of the project.
"""

import argparse
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cells import wanted_cells
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import read_json, write_json
from pipeline.params import load_params, read_section
from pipeline.report import metrics, plots, results, tables
from pipeline.report.booktabs import PaperTable, document, render
from pipeline.report.comparison_figures import Comparison
from pipeline.report.comparison_tables import comparison_frames, comparison_tables
from pipeline.report.gallery import Structure, figure_files
from pipeline.report.licences import without_texts
from pipeline.report.page import render_page
from pipeline.report.paper_tables import paper_tables
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
METRICS = Path("results/metrics")  # one file a model, which `dvc metrics show` makes a row of
DETAILS = Path("results/metrics.json")


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
        argv: Command line; that of the process by default.

    Raises:
        PipelineError: If a cell is missing, unexpected or not readable, or a param is wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.report", description=__doc__)
    parser.add_argument("--page", type=Path, help="write nothing but the page, here, without texts that are not free")
    page = parser.parse_args(argv).page
    begun = time.perf_counter()
    params = load_params(Path("params.yaml"))
    options = read_section(params, "report", ReportParams)
    if options.top_heads < 1:
        raise PipelineError(f"params.yaml: report.top_heads: expected 1 or more, got {options.top_heads}")
    atlas = read_atlas(params)
    if page is not None:
        cards = {dataset: without_texts(card) for dataset, card in atlas.cards.items()}
        origin = read_json(REPORT / "provenance.json")
        return _write(page, render_page(replace(atlas, cards=cards), origin).encode("utf-8"))
    write_report(atlas, options)
    print(_told(atlas, time.perf_counter() - begun))


def _told(atlas: Atlas, seconds: float) -> str:
    """Return the line about the finished report."""
    sizes = {path: path.stat().st_size for path in REPORT.rglob("*") if path.is_file()}
    page = REPORT / "index.html"
    return (
        f"report: {page.as_posix()} ({sizes[page] / 2**20:.1f} MiB) and {len(sizes) - 1} more files "
        f"({sum(sizes.values()) / 2**20:.1f} MiB in all) on {len(atlas.cards)} datasets and "
        f"{', '.join(model.slug for model in atlas.models)}, {seconds:.1f} s"
    )


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
        profile=_read_csv(taxonomy / "scores.csv", results.PROFILE_COLUMNS),
        layers=_read_csv(taxonomy / "layers.csv", results.LAYER_COLUMNS),
        nearest=_read_csv(taxonomy / "nearest.csv", results.NEAREST_COLUMNS),
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
    bibtex = bibliography(atlas, origin)
    frames = {
        "taxonomy": tables.taxonomy_counts(atlas),
        "best_heads": tables.best_heads(atlas, options.top_heads),
        "phases": tables.phase_map(atlas),
        "datasets": tables.dataset_facts(atlas, tables.citation_keys(bibtex, atlas.cards)),
    }
    _write_papers(paper_tables(atlas, frames))
    for name, table in {
        **frames,
        "heatmap": plots.heat_map(atlas),
        "layers": plots.layer_table({model.slug: model.layers for model in atlas.models}),
    }.items():
        _write(REPORT / "tables" / f"{name}.csv", table.to_csv(index=False, lineterminator="\n").encode("utf-8"))
    for name, content in figure_files(atlas, _structure(atlas)):
        _write(REPORT / "figures" / name, content)
    papers = sorted(path.stem for path in (REPORT / "tables").glob("*.tex"))
    _write(REPORT / "tables/all.tex", document(papers).encode("utf-8"))
    _write(REPORT / "references.bib", bibtex.encode("utf-8"))
    write_json(REPORT / "provenance.json", origin)
    _write(REPORT / "index.html", render_page(atlas, origin).encode("utf-8"))
    _write_metrics(atlas)


def _write_metrics(atlas: Atlas) -> None:
    shutil.rmtree(METRICS, ignore_errors=True)  # or a removed model would keep its row
    METRICS.mkdir(parents=True)
    for slug, row in metrics.headlines(atlas).items():
        write_json(METRICS / f"{slug}.json", row)
    write_json(DETAILS, metrics.details(atlas))


def _structure(atlas: Atlas) -> Structure:
    """Return what heads, layers and models have to do with each other."""
    rung = int(atlas.params["taxonomy"]["label_rung"])
    layers = {model.slug: model.layers for model in atlas.models}
    scores = {model.slug: model.profile for model in atlas.models}
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
    comparison = Comparison(found.profiles, found.bands, found.agreement, found.features, found.datasets)
    _write_comparison(comparison)
    return comparison


def _write_comparison(found: Comparison) -> None:
    frames = comparison_frames(found.bands, found.agreement, found.features)
    for name, table in frames.items():
        csv = table.to_csv(index=False, float_format="%.6f", lineterminator="\n")
        _write(REPORT / "tables" / f"{name}.csv", csv.encode("utf-8"))
    _write_papers(comparison_tables(frames, found.datasets))


def _write_papers(papers: Sequence[PaperTable]) -> None:
    for paper in papers:
        _write(REPORT / "tables" / f"{paper.name}.tex", render(paper).encode("utf-8"))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    with exit_on(PipelineError, ProbeError):
        main()
