"""All figures of a run, each with its caption.

For each model, in a folder of its name: `overview`, `best`, `families`, `phases`, `layers`, `tree`, and
`accuracy/<dataset>` for each dataset; with several models `models_layers` and `models_best` beside the folders.
`all.tex` shows them all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from pipeline.report import captions
from pipeline.report.best_figure import best_head_figure, best_rows
from pipeline.report.canvas import WIDTHS, Drawing, files
from pipeline.report.comparison_figures import Comparison, best_figure, comparison_figure
from pipeline.report.evidence_figures import family_figure, phase_figure
from pipeline.report.figures import heat_map, overview
from pipeline.report.latex_figures import figures_document
from pipeline.report.results import Atlas, ModelResults, probe_titles
from pipeline.report.structure_figures import LEGIBLE, Tree, layer_figure, tree_figure, tree_row


@dataclass(frozen=True)
class Structure:
    """What the figures show beyond the results of single heads.

    Attributes:
        layers: Model -> `layers.csv` of its taxonomy.
        trees: Model -> its heads as a tree, for models of two heads or more.
        comparison: The models side by side, where there are several.
    """

    layers: Mapping[str, pd.DataFrame]
    trees: Mapping[str, Tree]
    comparison: Comparison | None = None


def figure_files(atlas: Atlas, structure: Structure) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) of all figures and their captions, and of a document that shows them.

    Args:
        atlas: The run.
        structure: What its heads, layers and models have to do with each other.

    Yields:
        Names below the folder of the figures.
    """
    shown: list[tuple[Drawing, list[str]]] = []
    for drawing in drawings(atlas, structure):
        pages: list[str] = []
        for name, content in files(drawing):
            pages += [name] if name.endswith(".pdf") and name.startswith(f"{drawing.name}_double") else []
            yield name, content
        shown.append((drawing, pages))
    yield "all.tex", figures_document(shown).encode()


def drawings(atlas: Atlas, structure: Structure) -> Iterator[Drawing]:
    """Yield all figures, not yet drawn.

    Args:
        atlas: The run.
        structure: What its heads, layers and models have to do with each other.

    Yields:
        Those of every model, then those of the models together.
    """
    for model in atlas.models:
        yield from _of_heads(atlas, model)
        yield from _of_structure(atlas, model, structure)
        for dataset, title in probe_titles(atlas.cards).items():
            yield _heat_map(atlas, model, dataset, f"{title} in {model.slug}")
    found = structure.comparison
    if found is not None:
        title = f"Where models read each family ({len(found.datasets)} datasets that all were probed on)"
        caption = captions.comparison_caption(atlas, found)
        yield Drawing("models_layers", caption, lambda width: [comparison_figure(found, title, width)])
        caption = captions.models_best_caption(atlas, found)
        best = partial(best_figure, found, "The best head of each model on each feature")
        yield Drawing("models_best", caption, best)


def _heat_map(atlas: Atlas, model: ModelResults, dataset: str, title: str) -> Drawing:
    caption = captions.heat_map_caption(atlas, model, dataset)
    name = f"{model.slug}/accuracy/{dataset}"
    return Drawing(name, caption, lambda width: [heat_map(model, dataset, title, width)])


def _of_heads(atlas: Atlas, model: ModelResults) -> Iterator[Drawing]:
    slug = model.slug
    title = f"What each head of {slug} linearly encodes"
    caption = captions.overview_caption(atlas, model)
    yield Drawing(f"{slug}/overview", caption, partial(overview, atlas, model, title))
    rows = best_rows(atlas, model)
    caption = captions.best_caption(atlas, model, rows)
    yield Drawing(f"{slug}/best", caption, partial(best_head_figure, rows, f"The best head of {slug} on each dataset"))
    title = f"Heads of {slug} by family and evidence"
    yield Drawing(f"{slug}/families", captions.family_caption(atlas, model), partial(family_figure, model, title))
    if len(model.phases):
        title = f"Candidates in {slug} for the heads of the survey"
        yield Drawing(f"{slug}/phases", captions.phase_caption(atlas, model), partial(phase_figure, model, title))


def _of_structure(atlas: Atlas, model: ModelResults, structure: Structure) -> Iterator[Drawing]:
    slug = model.slug
    layers, tree = structure.layers[slug], structure.trees.get(slug)
    title = f"Where {slug} reads each family"
    caption = captions.layer_caption(atlas, model, layers)
    yield Drawing(f"{slug}/layers", caption, lambda width: [layer_figure(layers, title, width)])
    if tree is not None:
        heading = f"Heads of {slug} that are alike"
        is_named = all(tree_row(tree, heading, width) >= LEGIBLE for width in WIDTHS.values())
        caption = captions.tree_caption(atlas, model, tree, is_named)
        yield Drawing(f"{slug}/tree", caption, lambda width: [tree_figure(tree, heading, width)])
