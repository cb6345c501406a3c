r"""The tables of a run as a paper shows them: which columns, what they are called, and what the caption says.

Every number is one of the CSV table of that name, rounded, so that a reader can check one against the other.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from pipeline.report.booktabs import Column, PaperTable, counts, decimals, intervals, page, starts, text_column
from pipeline.report.latex import MISSING, escape, p_value
from pipeline.report.overview import ordered_families
from pipeline.report.paper_notes import WHAT_BASELINES, absent, confidence, method, origin, probe_param, rungs
from pipeline.report.results import BASELINES, MARGINS, Atlas, ModelResults, probe_titles, split_values
from pipeline.report.tables import ALL_HEADS

PLAIN_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:./+")
BASELINE_HEADINGS = dict(
    zip(BASELINES, ("Majority", "Surface", "Control", "Embed.", "Untr.", "Proj.", "Skyline"), strict=True)
)
RUNG_HEADINGS = {"n_decodable": "Decodable", "n_selective": "Selective", "n_general": "General"}


def paper_tables(atlas: Atlas, frames: Mapping[str, pd.DataFrame]) -> list[PaperTable]:
    """Return the tables of every model and the one of the datasets; without a table that has no rows.

    Args:
        atlas: The run.
        frames: The CSV tables `taxonomy`, `best_heads`, `phases` and `datasets`.

    Raises:
        PipelineError: If the cells of a model come from different weights.
    """
    titles = probe_titles(atlas.cards)
    tables = []
    for model in atlas.models:
        mine = {name: _of(frames[name], model.slug) for name in ("taxonomy", "best_heads", "phases")}
        best = _by_family(mine["best_heads"][mine["best_heads"]["rank"] == 1])
        tables += [
            _taxonomy(atlas, model, mine["taxonomy"]),
            _best_heads(atlas, model, best, titles),
            _baselines(atlas, model, best, titles),
            _margins(atlas, model, best, titles),
            _phases(atlas, model, mine["phases"]),
        ]
    tables.append(_datasets(_by_family(frames["datasets"]), titles))
    return [table for table in tables if table.columns[0].cells]


def _by_family(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows family by family, else in their order."""
    order = {family: place for place, family in enumerate(ordered_families(rows["family"]))}
    return rows.loc[rows["family"].map(order).sort_values(kind="stable").index].reset_index(drop=True)


def _of(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[table["model"] == model].reset_index(drop=True)


def _taxonomy(atlas: Atlas, model: ModelResults, rows: pd.DataFrame) -> PaperTable:
    names = [str(label) for label in rows["label"]]
    stable, rung = float(atlas.params["taxonomy"]["stable"]), atlas.params["taxonomy"]["label_rung"]
    columns = (
        text_column("Family or label", ["all heads" if name == ALL_HEADS else name for name in names]),
        counts("Features", rows["n_features"]),
        *(counts(heading, rows[name]) for name, heading in RUNG_HEADINGS.items()),
        counts("Labelled", rows["n_heads"]),
        counts("Unstable", rows["n_unstable"]),
    )
    caption = (
        "Heads that stand on a rung or higher for at least one feature of the family; heads with the label; those of "
        rf"them whose label fewer than {100 * stable:g}\,\% of the replicates give."
    )
    note = (
        f"A label counts features on rung {rung} or higher; a head that holds several families is polyfunctional. "
        f"{rungs(atlas)} -- means none, or not measured. {origin(atlas, model)}"
    )
    groups = {row: "" for row, name in enumerate(names) if name in ("polyfunctional", ALL_HEADS)}
    title = f"Heads of {escape(model.slug)} by family, rung and label"
    return PaperTable(f"{model.slug}_taxonomy", title, caption, note, columns, groups=groups)


def _best_heads(atlas: Atlas, model: ModelResults, rows: pd.DataFrame, titles: Mapping[str, str]) -> PaperTable:
    share = confidence(atlas)
    columns = (
        *_heads(rows, titles),
        counts("$n$", rows["n_examples"]),
        intervals(f"Accuracy [{share}]", rows, "accuracy"),
        intervals(f"Chosen elsewhere [{share}]", rows, "selected"),
        decimals("Bits", rows["information_bits"]),
        Column("$p$", tuple(p_value(value) for value in rows["p_value"])),
        counts("Rung", rows["rung"]),
    )
    caption = (
        f"Out-of-fold accuracy on $n$ examples. The best of {len(model.heads):,} heads on the examples that rank them "
        "is flattered by luck; beside it stands the accuracy of heads that were chosen for each fold without it."
    )
    note = (
        "Bits: entropy of the held-out labels less the cross-entropy of the probe, for an example. "
        f"$p$: family-wise over the heads, max-statistic null of {probe_param(atlas, 'permutations')} permutations. "
        f"{rungs(atlas)} {absent(rows[['information_bits', 'p_value', 'selected']])}{method(atlas)} "
        f"{origin(atlas, model)}"
    )
    title = f"Best head of {escape(model.slug)} for each feature"
    name = f"{model.slug}_best_heads"
    return PaperTable(name, title, caption, note, columns, page(rows), starts(rows["family"]))


def _baselines(atlas: Atlas, model: ModelResults, rows: pd.DataFrame, titles: Mapping[str, str]) -> PaperTable:
    shown = {"accuracy": "Accuracy"} | BASELINE_HEADINGS
    columns = (*_heads(rows, titles), *(decimals(heading, rows[name]) for name, heading in shown.items()))
    caption = "Out-of-fold accuracies under the same folds."
    note = f"{WHAT_BASELINES} {absent(rows[list(BASELINES)])}{method(atlas)} {origin(atlas, model)}"
    title = f"Best head of {escape(model.slug)} for each feature beside its baselines"
    name = f"{model.slug}_baselines"
    return PaperTable(name, title, caption, note, columns, page(rows), starts(rows["family"]))


def _margins(atlas: Atlas, model: ModelResults, rows: pd.DataFrame, titles: Mapping[str, str]) -> PaperTable:
    over = {heading: MARGINS[name] for name, heading in BASELINE_HEADINGS.items()}
    columns = (*_heads(rows, titles), *(intervals(heading, rows, margin) for heading, margin in over.items()))
    caption = (
        f"Accuracy of the head less that of each baseline, with its {confidence(atlas)} interval, head and baseline "
        "paired by example. The margin over the control task is the selectivity."
    )
    note = (
        "Rung 2 asks for more than these intervals: they are stretched to hold for all heads and margins of a dataset "
        f"at once. {WHAT_BASELINES} {absent(rows[list(MARGINS.values())])}{method(atlas)} {origin(atlas, model)}"
    )
    title = f"Margins of the best head of {escape(model.slug)} for each feature"
    name, groups = f"{model.slug}_margins", starts(rows["family"])
    return PaperTable(name, title, caption, note, columns, "landscape", groups, size=r"\scriptsize")


def _phases(atlas: Atlas, model: ModelResults, rows: pd.DataFrame) -> PaperTable:
    groups = starts(rows["phase"])
    features = [", ".join(split_values(cell)).replace("_", " ") for cell in rows["features"]]
    columns = (
        text_column("Head of the survey", list(rows["cell"])),
        text_column("Status", list(rows["status"])),
        text_column("Features that speak for it", features, 0.37),
        *(counts(f"{heading[:3]}.", rows[name]) for name, heading in RUNG_HEADINGS.items()),
    )
    caption = (
        r"The heads that the survey of Zheng et al.\ (2024) names, and how many heads of the model are decodable, "
        "selective or general for a feature that speaks for them."
    )
    note = (
        "These are candidates: which features speak for a head is a hypothesis of this project. A probe cannot tell a "
        "head that is alike from a candidate. -- means that no output probe can identify the head, or that no feature "
        f"that speaks for it was probed. {rungs(atlas)} {origin(atlas, model)}"
    )
    title = f"Candidate heads of {escape(model.slug)} in the four phases of the survey"
    return PaperTable(f"{model.slug}_phases", title, caption, note, columns, "longtable", groups)


def _datasets(rows: pd.DataFrame, titles: Mapping[str, str]) -> PaperTable:
    columns = (
        text_column("Feature", [titles[dataset] for dataset in rows["dataset"]]),
        counts("$n$", rows["n_examples"]),
        counts("Groups", rows["n_groups"]),
        counts("Classes", rows["n_classes"]),
        decimals("Majority", rows["majority"]),
        decimals("Surface", rows["surface"]),
        text_column("Readout", list(rows["readout"])),
        text_column("Licence", list(rows["licence"]), 0.15),
        Column("Work", tuple(cite(split_values(keys)) for keys in rows["cite"]), "l"),
    )
    caption = r"What was probed, and whose work it is (keys of \texttt{references.bib})."
    note = (
        "$n$: examples; groups: units that never cross a fold; majority: share of the largest class; surface: accuracy "
        "of a bag of words on the same folds; readout: token that is probed, the last of the text, the last of the "
        "span, the first, or the mean over the text."
    )
    return PaperTable("datasets", "Datasets", caption, note, columns, page(rows), starts(rows["family"]))


def cite(keys: Sequence[str]) -> str:
    r"""Return a citation, or the keys as text where LaTeX would not read one of them as a key.

    Args:
        keys: Of works in `references.bib`.

    Example:
        >>> print(cite(["doe2024"]), cite([]), cite(["50%"]))
        \cite{doe2024} -- 50\%
    """
    if not keys:
        return MISSING
    return rf"\cite{{{','.join(keys)}}}" if PLAIN_KEY.issuperset("".join(keys)) else escape(", ".join(keys))


def _heads(rows: pd.DataFrame, titles: Mapping[str, str]) -> tuple[Column, Column]:
    names = [titles[dataset] for dataset in rows["dataset"]]
    return text_column("Feature", names), Column("Head", tuple(rows["label"]), "l")
