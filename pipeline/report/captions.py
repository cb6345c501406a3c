"""The captions of the figures, written from the results and the params so that they cannot drift from what was run.

A caption is one paragraph on one line, ready to paste. Our own words are plain ASCII, without quotation marks, so that
pdflatex reads them once the characters it reserves (`%`, `_`, `#`, `&`, `<` ...) are escaped. What comes from people,
such as a licence, stays as they wrote it, on one line and without control characters.
"""

import pandas as pd

from pipeline.report.caption_facts import (
    accuracy_words,
    confidence_words,
    counted,
    data_words,
    joined,
    label_rung,
    method_words,
    n_features,
    rung_one,
    rung_words,
)
from pipeline.report.comparison_figures import Comparison
from pipeline.report.evidence_figures import ANY_FAMILY, family_rungs
from pipeline.report.results import DECODABLE, SELECTIVE, Atlas, ModelResults, passing_heads
from pipeline.report.structure_figures import Tree

LAYER_CONFIDENCE = "95 %"  # of the intervals in layers.csv and over models, which no param changes
SHARE = "The share is how far the accuracy of a head gets from the largest class (0) to 1."


def heat_map_caption(atlas: Atlas, model: ModelResults, dataset: str) -> str:
    """Return the caption of the heat map of one dataset.

    Args:
        atlas: The run.
        model: Results of the model.
        dataset: Slug.
    """
    summary = model.summaries[dataset]
    best, null = summary["best"], summary["null"]
    passing = len(passing_heads(model, dataset))
    return joined(
        f"Out-of-fold accuracy of a linear probe on every attention head of {model.slug} for {summary['feature']}.",
        f"Colours start at the share of the largest class, {summary['majority']:.3f}.",
        f"Framed: the {passing:,} of {counted(len(model.heads), 'head')} on rung {DECODABLE} or higher"
        f" ({rung_one(atlas)}).",
        f"Best head: L{best['layer']}H{best['head']}, accuracy {accuracy_words(best)};"
        f" by chance alone the best of all heads would reach {null['best_expected']:.3f}"
        f" (mean over {null['permutations']:,} permutations of the labels inside each fold).",
        f"Heads chosen on other folds than they are tested on: {accuracy_words(summary['selected'])}.",
        data_words(atlas, model, [dataset]),
        method_words(atlas, [model]),
    )


def overview_caption(atlas: Atlas, model: ModelResults) -> str:
    """Return the caption of the maps of all datasets.

    Args:
        atlas: The run.
        model: Results of the model.
    """
    return joined(
        f"What every attention head of {model.slug} linearly encodes: {counted(len(atlas.cards), 'dataset')},"
        f" {counted(len(model.heads), 'head')}, layers downwards.",
        f"{SHARE} All panels have one scale. Framed: heads on rung {DECODABLE} or higher ({rung_one(atlas)}).",
        "Above each panel: the best head, its accuracy and, in brackets or in words, the share of the largest class.",
        data_words(atlas, model, atlas.cards),
        method_words(atlas, [model]),
    )


def best_caption(atlas: Atlas, model: ModelResults, rows: pd.DataFrame) -> str:
    """Return the caption of the best head on each dataset.

    Args:
        atlas: The run.
        model: Results of the model.
        rows: As `pipeline.report.best_figure.best_rows` returns them.
    """
    strong = int((rows["rung"] >= SELECTIVE).sum())
    return joined(
        f"The best of {counted(len(model.heads), 'head')} of {model.slug} on each of"
        f" {counted(len(rows), 'dataset')}: accuracy with its {confidence_words(atlas)} interval, and what it has to"
        " beat.",
        f"In bold: the {strong:,} that stand on rung {SELECTIVE} or higher, which beat every baseline but the skyline.",
        "The best of many heads is flattered by luck; open circles are free of it: heads chosen on other folds than"
        " they are tested on.",
        "Control task, untrained model, random projection and skyline are those of the best head; a baseline that was"
        " not measured has no mark.",
        data_words(atlas, model, rows["dataset"]),
        method_words(atlas, [model]),
    )


def family_caption(atlas: Atlas, model: ModelResults) -> str:
    """Return the caption of the heads per family and rung.

    Args:
        atlas: The run.
        model: Results of the model.
    """
    probed = list(dict.fromkeys(summary["family"] for summary in model.summaries.values()))
    counts = family_rungs(model, probed)
    any_family = ", ".join(f"{count:,} on rung {rung}" for rung, count in counts[ANY_FAMILY].items())
    return joined(
        f"Attention heads of {model.slug} by family of features and by the highest rung of evidence they reach on one"
        f" of its features; n = {counted(len(model.heads), 'head')} in each bar.",
        f"Over all families: {any_family}.",
        "More features of a family make more heads reach a rung on one of them:"
        f" {', '.join(f'{name} {n_features(model, name)}' for name in probed)}.",
        rung_words(atlas, model),
        data_words(atlas, model, atlas.cards),
        method_words(atlas, [model]),
    )


def phase_caption(atlas: Atlas, model: ModelResults) -> str:
    """Return the caption of the four-phase map.

    Args:
        atlas: The run.
        model: Results of the model.
    """
    status = model.phases["status"].value_counts()
    return joined(
        f"Candidates in {model.slug} for the {counted(len(model.phases), 'head')} named in the survey of Zheng et al."
        f" (2024), in its four phases; n = {counted(len(model.heads), 'attention head')} for each.",
        "A bar counts the heads by the highest rung they reach on a feature that speaks for the named head; this"
        " mapping is our hypothesis, and a candidate is no proof of the mechanism.",
        f"Starred: the {int(status.get('alike', 0)):,} that a probe cannot tell from a candidate. The"
        f" {int(status.get('not identifiable', 0)):,} marked not identifiable cannot be found by a probe of the output"
        " of a head.",
        rung_words(atlas, model),
        data_words(atlas, model, atlas.cards),
        method_words(atlas, [model]),
    )


def layer_caption(atlas: Atlas, model: ModelResults, layers: pd.DataFrame) -> str:
    """Return the caption of the layers of the families.

    Args:
        atlas: The run.
        model: Results of the model.
        layers: `layers.csv` of the taxonomy.
    """
    n_layers = len(layers[["attention", "layer"]].drop_duplicates())
    families = ", ".join(f"{family} {n_features(model, family)}" for family in dict.fromkeys(layers["family"]))
    return joined(
        f"Where {model.slug} reads each family of features: {counted(n_layers, 'layer')},"
        f" {counted(len(model.heads), 'head')}; features: {families}.",
        f"Lines: mean share over the heads of a layer and the features of the family. {SHARE}",
        f"Dark band: {LAYER_CONFIDENCE} interval of the layer against the mean of the family over layers; light band:"
        f" {LAYER_CONFIDENCE} interval of the mean share itself; heads and features both vary. Bands end at the edge of"
        " a panel; a family of one feature has none.",
        f"Points: share of the heads of a layer on rung {label_rung(atlas)} or higher for at least one feature of the"
        f" family, with {LAYER_CONFIDENCE} Wilson intervals.",
        data_words(atlas, model, atlas.cards),
        method_words(atlas, [model]),
    )


def tree_caption(atlas: Atlas, model: ModelResults, tree: Tree, is_named: bool) -> str:
    """Return the caption of the tree of heads.

    Args:
        atlas: The run.
        model: Results of the model.
        tree: The tree.
        is_named: Whether the heads' names fit on the page.
    """
    clusters = "" if tree.clusters is None else (
        f"Numbered: {tree.clusters['cluster'].nunique()} clusters, the number with the largest mean silhouette"
        f" ({tree.clusters['silhouette'].mean():.2f})."
    )  # fmt: skip
    names = f"The heads are too many to be named here; results/taxonomy/{model.slug}/tree.csv names them."
    return joined(
        f"The {counted(len(tree.leaves), 'head')} of {model.slug} by what they encode: average linkage on 1 -"
        f" similarity, the correlation of their shares of {counted(n_features(model), 'feature')}, each"
        " centred over heads.",
        clusters,
        f"Right: mean share of the features of each family. {SHARE} Dotted: families of which the head holds a feature"
        f" (rung {label_rung(atlas)} or higher).",
        "" if is_named else names,
        data_words(atlas, model, atlas.cards),
        method_words(atlas, [model]),
    )


def comparison_caption(atlas: Atlas, found: Comparison) -> str:
    """Return the caption of where several models read the families.

    Args:
        atlas: The run.
        found: The models side by side.
    """
    return joined(
        f"Where {counted(len(atlas.models), 'model')} read each family of features, on the"
        f" {counted(len(found.datasets), 'dataset')} that all were probed on.",
        f"Lines: mean share over the heads of a layer and the features of the family, by relative depth. {SHARE}",
        f"Points: share of heads in each third of the depth on rung {label_rung(atlas)} or higher for at least one"
        f" feature of the family, with {LAYER_CONFIDENCE} Wilson intervals.",
        "Rank correlation: of the lines of two models (Spearman), over as many points as the smaller has layers;"
        " a description, not a test.",
        data_words(atlas, atlas.models[0], found.datasets),
        method_words(atlas, atlas.models),
    )


def models_best_caption(atlas: Atlas, found: Comparison) -> str:
    """Return the caption of the best heads of several models.

    Args:
        atlas: The run.
        found: The models side by side.
    """
    return joined(
        f"The best head of each of {counted(len(atlas.models), 'model')} on each of"
        f" {counted(found.features['feature'].nunique(), 'feature')}, by its share, with its {confidence_words(atlas)}"
        f" interval. {SHARE}",
        "It is the best of many and its interval is that of one head: luck flatters it, more so in a model of many"
        f" heads ({', '.join(f'{model.slug} {len(model.heads):,}' for model in atlas.models)}).",
        f"Names in bold: heads on rung {SELECTIVE} or higher. Where there is no room, names are left out.",
        data_words(atlas, atlas.models[0], found.datasets),
        method_words(atlas, atlas.models),
    )
