"""The facts of each dataset as the page shows them: headline, baselines, balance, findings and a few examples."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.report.heatmap import BASELINE_LABELS
from pipeline.report.results import (
    MARGINS,
    SELECTIVE,
    Atlas,
    ModelResults,
    passing_heads,
    probe_titles,
    why_missing,
)

EXAMPLES_SHOWN = 5
EXCERPT = 220  # characters of an example
NAMED = 5  # heads listed by name in a warning
LEFT_OUT = "left out of the choice of C because they did not converge"


@dataclass(frozen=True)
class Comparison:
    """A head beside one baseline.

    Attributes:
        label: Name of the baseline.
        accuracy: What the baseline reaches; None for not measured.
        margin: What the head has over it; None for not measured.
        low: Lower end of the margin's interval.
        high: Upper end of the margin's interval.
        reason: Why there is no number; empty where there is one.
    """

    label: str
    accuracy: float | None
    margin: float | None
    low: float | None
    high: float | None
    reason: str


@dataclass(frozen=True)
class Headline:
    """One number of the headline.

    Attributes:
        label: What it is.
        value: The number; None for not measured.
        low: Lower end of its interval; None for none.
        high: Upper end of its interval; None for none.
        note: A few words below it.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


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
            "notes": [str(found["message"]) for found in card.get("findings", []) if found["severity"] == "note"],
            "examples": [_example(entry) for entry in card.get("examples", [])[:EXAMPLES_SHOWN]],
        }
        for dataset, card in atlas.cards.items()
    ]


def _classes(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    total = sum(counts.values()) or 1
    return [{"label": label, "count": n, "share": round(100 * n / total, 2)} for label, n in counts.items()]


def _best(model: ModelResults, dataset: str) -> dict[str, Any]:
    """Return the headline of a model, and its best head beside every baseline."""
    summary = model.summaries[dataset]
    best, rows = summary["best"], model.scores[model.scores["dataset"] == dataset]
    row = rows[(rows["layer"] == best["layer"]) & (rows["head"] == best["head"])].iloc[0]
    return {
        "model": model.slug,
        **best,
        "name": f"L{best['layer']}H{best['head']}",
        "headline": _headline(summary, rows),
        "comparisons": [_comparison(row, key, summary) for key in BASELINE_LABELS],
        "n_heads": len(rows),
        "n_decodable": len(passing_heads(model, dataset)),
        "n_selective": len(passing_heads(model, dataset, SELECTIVE)),
        "codelength": _codelength(row, summary),
    }


def _headline(summary: Mapping[str, Any], rows: pd.DataFrame) -> list[Headline]:
    best, selected, null = summary["best"], summary["selected"], summary["null"]
    skyline = rows["skyline"]
    where = f"layer {rows['layer'].iloc[int(skyline.argmax())]}" if skyline.notna().any() else ""
    return [
        _accuracy("best head", best, f"L{best['layer']}H{best['head']}"),
        _accuracy("head chosen on other folds", selected, _chosen(selected)),
        Headline("best head expected under the null", _number(null["best_expected"])),
        Headline("largest class", _number(summary["majority"])),
        Headline("surface", _number(summary["surface"])),
        Headline("static embedding", _number(summary["embedding"])),
        Headline("best skyline", _number(skyline.max()), note=where),
    ]


def _accuracy(label: str, scores: Mapping[str, Any], note: str) -> Headline:
    return Headline(label, scores["accuracy"], scores["accuracy_low"], scores["accuracy_high"], note)


def _chosen(selected: Mapping[str, Any]) -> str:
    """Return which heads were chosen, the most frequent first."""
    counts = Counter(selected["heads"])
    if len(counts) == 1:
        return f"{next(iter(counts))} in every fold"
    return ", ".join(f"{head} in {n} fold{'' if n == 1 else 's'}" for head, n in counts.most_common())


def _comparison(row: pd.Series, baseline: str, summary: Mapping[str, Any]) -> Comparison:
    accuracy, margin = _number(row[baseline]), MARGINS[baseline]
    return Comparison(
        label=BASELINE_LABELS[baseline],
        accuracy=accuracy,
        margin=_number(row[margin]),
        low=_number(row[f"{margin}_low"]),
        high=_number(row[f"{margin}_high"]),
        reason=why_missing(summary, baseline) if accuracy is None else "",
    )


def _codelength(row: pd.Series, summary: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the online codelength of a head and how much it compresses; None where it was not measured."""
    bits = _number(row["codelength"])
    if bits is None:
        return None
    return {"bits": bits, "compression": summary["n_examples"] * math.log2(len(summary["classes"])) / bits}


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _warnings(atlas: Atlas, dataset: str) -> list[str]:
    """Return the warnings of the dataset, then those of each model on it, named if there are several."""
    warnings = [str(warning) for warning in atlas.cards[dataset].get("warnings", [])]
    for model in atlas.models:
        prefix = f"{model.slug}: " if len(atlas.models) > 1 else ""
        found = _warnings_of_model(model.summaries[dataset])
        warnings += [prefix + warning for warning in found if warning not in warnings]
    return warnings


def _warnings_of_model(summary: Mapping[str, Any]) -> list[str]:
    found = [str(warning) for warning in summary["warnings"]]
    if summary.get("n_dropped"):
        found.append(f"{summary['n_dropped']:,} texts were too long for the model and left out")
    if unconverged := summary["unconverged"]:
        names = [str(entry["head"]) for entry in unconverged]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        fits = sum(int(entry["problems"]) for entry in unconverged)
        found.append(f"fits {LEFT_OUT}: {fits:,}, of {', '.join(names[:NAMED])}{more}")
    if unsolved := summary["unconverged_baselines"]:
        listed = ", ".join(f"{name} {count:,}" for name, count in unsolved.items())
        found.append(f"fits of baselines {LEFT_OUT}: {listed}")
    return found


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
