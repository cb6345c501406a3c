"""Twins: texts that differ in one or two words, which a split into folds must not part."""

import pandas as pd

from data.findings.finding import Finding, percent
from data.findings.frames import shared_frames
from data.findings.table import is_grouped, told_apart
from data.findings.ties import tying_column
from data.sources import RawRows
from data.spec import DatasetSpec

FEWEST = 0.05  # of the texts; a few alike there are by chance in any large set


def about_twins(spec: DatasetSpec, raw: RawRows, table: pd.DataFrame) -> list[Finding]:
    """Return a warning where twins are in different groups because the spec names none, or each text.

    Where it does name groups nothing is said: texts of one template differ in few words and yet are no twins.

    Args:
        spec: What the dataset is.
        raw: Rows of its source, for the column that would be the group.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> about_twins(load_spec(Path("data/specs/verb_tense.yaml")), RawRows(pd.DataFrame(), ""), pd.DataFrame())
        []
    """
    if is_grouped(spec):
        return []
    texts = table.drop_duplicates("text", ignore_index=True)
    pairs = _pairs(texts)
    parted = set(texts["text"][pairs["text"]])
    n = int(table["text"].isin(parted).sum())
    if n < FEWEST * len(table) or n < 2:
        return []
    one, other = (texts.loc[pairs.iloc[0][key]] for key in ("text", "twin"))
    message = (
        f"{n} examples ({percent(n, len(table))}) have a twin in another group, a text that differs in one or two "
        f"words or in their order: {told_apart(one, other)}. Twins in different folds let a probe train on near copies "
        "of what it is tested on; where their labels differ they push accuracy below chance. "
        f"{_way_out(spec, raw, texts, pairs)}"
    )
    return [Finding("warning", "twins", message)]


def _pairs(texts: pd.DataFrame) -> pd.DataFrame:
    """Return for each text that has twins the nearest of them, those with different labels first."""
    frames = shared_frames(list(texts["text"])).sort_values(["size", "frame", "text"])
    by_frame = frames.groupby("frame")["text"]
    frames["twin"] = by_frame.transform("first").where(
        lambda first: first != frames["text"], by_frame.transform("last")
    )
    nearest = frames.drop_duplicates("text")
    labels = texts["label"].to_numpy()
    alike = labels[nearest["text"]] == labels[nearest["twin"]]
    return nearest.assign(alike=alike).sort_values(["alike", "size", "text"], ignore_index=True)


def _way_out(spec: DatasetSpec, raw: RawRows, texts: pd.DataFrame, pairs: pd.DataFrame) -> str:
    rows = texts["row"].to_numpy()
    tie = tying_column(spec, raw.source, list(zip(rows[pairs["text"]], rows[pairs["twin"]], strict=True)))
    if tie is None:
        return (
            "No column of the source ties them. Give twins the same `group` under `columns:`: add a column for it, or "
            "take what they share out of one with `group: {columns: ..., pattern: ...}`"
        )
    return (
        f"Put `group: {tie.column}` under `columns:`: {percent(tie.share)} of twins have the same {tie.column}, as "
        f"{percent(tie.chance)} of all rows have by chance"
    )
