"""The tables of several models side by side: as CSV, and as a paper shows them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from pipeline.report.booktabs import Column, PaperTable, counts, decimals, intervals, page, starts, text_column

DECIMALS = 6
STACKS = ("attention", "other_attention")
WHO_HOLDS = "A head holds a family when it stands on the rung that labels ask for, or higher, for one of its features."


def comparison_frames(bands: pd.DataFrame, agreement: pd.DataFrame, features: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the comparison as CSV tables, name -> table.

    Args:
        bands: Heads that hold each family, by model, stack and third of the depth.
        agreement: How alike the layer profiles of two models are.
        features: The best head of each model on each feature.
    """
    frames = {"models_bands": bands, "models_agreement": agreement, "models_features": features}
    return {name: table.round(DECIMALS) for name, table in frames.items()}


def comparison_tables(frames: Mapping[str, pd.DataFrame], datasets: Sequence[str]) -> list[PaperTable]:
    """Return the comparison as tables for a paper; without a table that has no rows.

    Args:
        frames: As `comparison_frames` returns them.
        datasets: Those that all models were probed on.
    """
    shared = f"Models are compared on the {len(datasets)} datasets that all of them were probed on."
    tables = (
        _bands(frames["models_bands"], shared),
        _agreement(frames["models_agreement"], shared),
        _features(frames["models_features"], shared),
    )
    return [table for table in tables if table.columns[0].cells]


def _bands(rows: pd.DataFrame, shared: str) -> PaperTable:
    columns = (
        *_texts(rows, {"model": "Model", "attention": "Stack", "band": "Depth"}),
        counts("Heads", rows["n_heads"]),
        counts("Holding", rows["n_holding"]),
        intervals(r"Share [95\,\%]", rows, "holding"),
    )
    caption = f"Thirds of the depth of each stack: shallow, middle, deep. {WHO_HOLDS}"
    note = f"Intervals: Wilson, over heads. {shared}"
    title = "Heads that hold each family, by depth"
    return PaperTable("models_bands", title, caption, note, columns, page(rows), starts(rows["family"]))


def _agreement(rows: pd.DataFrame, shared: str) -> PaperTable:
    both = {"model": "Model", "attention": "Stack", "other": "Other model", "other_attention": "Its stack"}
    columns = (
        *_texts(rows, {"family": "Family", **both}),
        counts("Depths", rows["n_points"]),
        decimals("Correlation", rows["correlation"]),
    )
    caption = "Spearman's correlation of two models' layer profiles, at the depths of the stack with fewer layers."
    note = (
        "A description without a p-value, as neighbouring layers are not independent. -- means fewer than three depths "
        f"or a constant profile. {shared}"
    )
    title = "Agreement of layer profiles"
    return PaperTable("models_agreement", title, caption, note, columns, page(rows))


def _features(rows: pd.DataFrame, shared: str) -> PaperTable:
    groups = starts(rows["feature"].str.replace("_", " "))
    columns = (
        *_texts(rows, {"model": "Model", "attention": "Stack", "name": "Head"}),
        decimals("Depth", rows["depth"], 2),
        *_texts(rows, {"dataset": "Dataset"}),
        intervals(r"Share [95\,\%]", rows, "share"),
        counts("Rung", rows["rung"]),
    )
    caption = "The head with the largest share of what the largest class leaves to find."
    note = (
        "Share: (accuracy $-$ majority) / (1 $-$ majority). The best of many heads is too high by the winner's luck, "
        "and its interval is that of one head. Depth: 0 is the first layer of the stack with heads, 1 the last. "
        f"{shared}"
    )
    title = "Best head of each model on each feature"
    return PaperTable("models_features", title, caption, note, columns, page(rows), groups)


def _texts(rows: pd.DataFrame, headings: Mapping[str, str]) -> list[Column]:
    """Return columns of text; a stack is named only where a model has several."""
    plain = [name for name in headings if name in STACKS and (rows[name] == "self").all()]
    return [
        text_column(heading, [str(value) for value in rows[name]], 0.15)
        for name, heading in headings.items()
        if name not in plain
    ]
