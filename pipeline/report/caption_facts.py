"""What captions have in common: the data with its licence, the models with their hashes, the method in numbers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.report.evidence_figures import reachable_rungs
from pipeline.report.method import NOT_SET
from pipeline.report.results import Atlas, ModelResults, model_identity

NAMED = 8  # datasets of one licence that are named one by one; the table of the datasets names more
SHOWN_HASH = 12  # characters of a commit or a hash, enough to tell them apart
GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")  # white space and control characters


def joined(*sentences: str) -> str:
    """Return sentences as one paragraph on one line, with one space for any white space and control characters.

    Args:
        sentences: Empty ones are left out.
    """
    return GAPS.sub(" ", " ".join(sentence for sentence in sentences if sentence))


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    Args:
        n: How many.
        noun: In the singular; an s makes the plural.

    Example:
        >>> counted(1, "head"), counted(1024, "head")
        ('1 head', '1,024 heads')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def accuracy_words(block: Mapping[str, Any]) -> str:
    """Return an accuracy with its interval.

    Args:
        block: Of a summary: accuracy, accuracy_low, accuracy_high.
    """
    return f"{block['accuracy']:.3f} ({block['accuracy_low']:.3f} to {block['accuracy_high']:.3f})"


def n_features(model: ModelResults, family: str | None = None) -> int:
    """Return the number of features that a model was probed for.

    Args:
        model: Results of the model.
        family: Count those of this family only.
    """
    summaries = model.summaries.values()
    return len({summary["feature"] for summary in summaries if family in (None, summary["family"])})


def data_words(atlas: Atlas, model: ModelResults, datasets: Iterable[str]) -> str:
    """Return the sizes of datasets, and their names, or their number where they are many, by licence.

    Args:
        atlas: The run.
        model: The model whose probes read them.
        datasets: Slugs.
    """
    names = list(datasets)
    sizes = [int(model.summaries[name]["n_examples"]) for name in names]
    groups = [int(atlas.cards[name]["n_groups"]) for name in names]
    licences: dict[str, list[str]] = {}
    for name in names:
        licences.setdefault(GAPS.sub(" ", str(atlas.cards[name]["licence"])).strip(), []).append(name)
    listed = "; ".join(f"{_named(owned)} (licence {licence})" for licence, owned in licences.items())
    if len(names) > 1:
        return f"Data, {_range(sizes)} examples in {_range(groups)} groups each: {listed}."
    card = atlas.cards[names[0]]
    facts = f"{len(card['classes'])} classes, family {card['family']}, readout {card['readout']}"
    return f"Data: {listed}, {counted(sizes[0], 'example')} in {counted(groups[0], 'group')}, {facts}."


def _named(datasets: Sequence[str]) -> str:
    return ", ".join(datasets) if len(datasets) <= NAMED else counted(len(datasets), "dataset")


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def method_words(atlas: Atlas, models: Sequence[ModelResults]) -> str:
    """Return the models and how they were probed, as every caption ends.

    Args:
        atlas: The run.
        models: Those shown.
    """
    listed = "; ".join(_model(model) for model in models)
    grid = ", ".join(f"{value:g}" for value in _param(atlas, "probe", "c_grid", []))
    return (
        f"{'Model' if len(models) == 1 else 'Models'}: {listed}. Method: L2-regularised logistic regression on the"
        f" output of each head before W_O, {_number(atlas, 'examples', 'folds')} folds that keep groups whole, C of"
        f" {grid or NOT_SET} chosen on another fold; p-values from {_number(atlas, 'probe', 'permutations')}"
        f" permutations, family-wise over heads; {confidence_words(atlas)} intervals from"
        f" {_number(atlas, 'probe', 'bootstrap')} bootstrap replicates of whole groups."
    )


def _model(model: ModelResults) -> str:
    identity = model_identity(model)
    shown = {"revision": identity.get("revision"), "weights SHA-256": identity.get("weights_sha256")}
    hashes = "".join(f", {name} {str(value)[:SHOWN_HASH]}" for name, value in shown.items() if value)
    precision = f", computed in {identity['precision']}" if identity.get("precision") else ""
    return f"{model.slug} ({identity.get('source', NOT_SET)}{hashes}{precision})"


def rung_one(atlas: Atlas) -> str:
    """Return what a head on rung 1 has shown.

    Args:
        atlas: The run.
    """
    return (
        f"family-wise p < {_param(atlas, 'taxonomy', 'alpha', NOT_SET)} over the heads and the datasets of the family,"
        " and interval above the largest class"
    )


def rung_words(atlas: Atlas, model: ModelResults) -> str:
    """Return the names of the rungs that the run could find heads on.

    Args:
        atlas: The run.
        model: Results of the model.
    """
    names = ", ".join(f"{rung} {name}" for rung, name in reachable_rungs(model).items())
    return f"Rungs: {names}; 1: {rung_one(atlas)}."


def label_rung(atlas: Atlas) -> str:
    """Return the rung from which a head holds a feature.

    Args:
        atlas: The run.
    """
    return str(_param(atlas, "taxonomy", "label_rung", NOT_SET))


def confidence_words(atlas: Atlas) -> str:
    """Return the coverage of the intervals of accuracies.

    Args:
        atlas: The run.
    """
    value = _param(atlas, "probe", "confidence", None)
    return NOT_SET if value is None else f"{100 * value:g} %"


def _number(atlas: Atlas, section: str, key: str) -> str:
    value = _param(atlas, section, key, NOT_SET)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _param(atlas: Atlas, section: str, key: str, default: Any) -> Any:
    return (atlas.params.get(section) or {}).get(key, default)
