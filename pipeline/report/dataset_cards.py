"""The facts of each dataset as the page shows them: size, balance, baselines, best heads and a few examples."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.heatmap import BASELINE_LABELS
from pipeline.report.results import BASELINES, Atlas, ModelResults, probe_titles

EXAMPLES_SHOWN = 5
EXCERPT = 220  # characters of an example


def dataset_cards(atlas: Atlas) -> list[dict[str, Any]]:
    """Return one block per dataset, in the order of params.yaml.

    Args:
        atlas: The run.
    """
    titles = probe_titles(atlas.cards)
    return [
        {
            "dataset": dataset,
            "title": titles[dataset],
            "card": card,
            "classes": _classes(card["classes"]),
            "bests": [_best(model, dataset) for model in atlas.models],
            "warnings": _warnings(atlas, dataset),
            "examples": [_example(entry) for entry in card.get("examples", [])[:EXAMPLES_SHOWN]],
        }
        for dataset, card in atlas.cards.items()
    ]


def _classes(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    total = sum(counts.values()) or 1
    return [{"label": label, "count": n, "share": round(100 * n / total, 2)} for label, n in counts.items()]


def _best(model: ModelResults, dataset: str) -> dict[str, Any]:
    """Return the best head of a model, beside every baseline; None where a baseline was not measured."""
    summary = model.summaries[dataset]
    best = summary["best"]
    rows = model.scores
    row = rows[(rows["dataset"] == dataset) & (rows["layer"] == best["layer"]) & (rows["head"] == best["head"])]
    values = row[list(BASELINES)].astype(float).iloc[0] if len(row) else {}
    measured = {**values, "majority": summary["majority"], "surface": summary["surface"]}
    baselines = [(label, _number(measured.get(key))) for key, label in BASELINE_LABELS.items()]
    return {
        "model": model.slug,
        **best,
        "baselines": baselines,
        "n_significant": summary.get("n_significant"),
        "best_expected": (summary.get("null") or {}).get("best_expected"),
    }


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _warnings(atlas: Atlas, dataset: str) -> list[str]:
    """Return the warnings of the dataset, then those of each model on it, named if there are several."""
    warnings = [str(warning) for warning in atlas.cards[dataset].get("warnings", [])]
    for model in atlas.models:
        summary = model.summaries[dataset]
        prefix = f"{model.slug}: " if len(atlas.models) > 1 else ""
        found = [str(warning) for warning in summary.get("warnings", [])]
        if summary.get("n_dropped"):
            found.append(f"{summary['n_dropped']:,} texts were too long for the model and left out")
        if summary.get("unconverged"):
            found.append(f"{len(summary['unconverged'])} fits did not converge")
        warnings += [prefix + warning for warning in found if warning not in warnings]
    return warnings


def _example(entry: Mapping[str, Any]) -> dict[str, str]:
    before, span, after = excerpt(str(entry["text"]), entry.get("start"), entry.get("end"))
    return {"before": before, "span": span, "after": after, "label": str(entry.get("label", ""))}


def excerpt(text: str, start: int | None, end: int | None, width: int = EXCERPT) -> tuple[str, str, str]:
    """Return the text before, inside and after the span, cut to about `width` characters around it.

    Args:
        text: The example.
        start: First character of the span; None for no span.
        end: One past its last character; None for no span.
        width: Characters to keep.
    """
    if start is None or end is None or not 0 <= start < end <= len(text):
        return _shorten(text, width, keep_end=False), "", ""
    if (start, end) == (0, len(text)):  # the label belongs to the whole text: nothing to point at
        return _shorten(text, width, keep_end=False), "", ""
    room = max(0, width - (end - start)) // 2
    span = _shorten(text[start:end], width, keep_end=False)
    return _shorten(text[:start], room, keep_end=True), span, _shorten(text[end:], room, keep_end=False)


def _shorten(text: str, width: int, keep_end: bool) -> str:
    if len(text) <= width:
        return text
    return "…" + text[len(text) - width :] if keep_end else text[:width] + "…"
