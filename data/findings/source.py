"""What the spec leaves out: the pin of a file, what groups are, and what a control task needs."""

import pandas as pd

from data.findings.finding import Finding
from data.places import FileSource
from data.sources import RawRows
from data.spec import DatasetSpec


def about_pin(spec: DatasetSpec, raw: RawRows) -> list[Finding]:
    """Return a warning where a change of the source would go unnoticed.

    Args:
        spec: What the dataset is.
        raw: Rows of its source, for their hash.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> about_pin(load_spec(Path("data/specs/verb_tense.yaml")), RawRows(pd.DataFrame(), "0f"))
        []
    """
    if not isinstance(spec.source, FileSource) or spec.source.sha256:
        return []
    message = (
        f"{spec.source.place} is not pinned: DVC watches the spec and not this file, so a change in it goes unnoticed. "
        f"Put this line under `source:` in {spec.path}: sha256: {raw.sha256}"
    )
    return [Finding("warning", "pin", message)]


def about_groups(spec: DatasetSpec) -> list[Finding]:
    """Return a warning where nothing says which texts belong together.

    Args:
        spec: What the dataset is.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> about_groups(load_spec(Path("data/specs/verb_tense.yaml")))
        []
    """
    if spec.columns.group:
        return []
    message = (
        "No group column: each text is its own group. If texts share a template, a pair or a subject, the probe can "
        "meet near copies of a test text in training; name what they share under `columns: {group: ...}`"
    )
    return [Finding("warning", "groups", message)]


def about_control(table: pd.DataFrame) -> list[Finding]:
    """Return a warning where control labels could not be learnt.

    Args:
        table: What `joined` returned.

    Example:
        >>> about_control(pd.DataFrame({"control_key": ["cat", "cat"], "group": ["a", "b"]}))
        []
    """
    if (table.groupby("control_key")["group"].nunique() > 1).any():
        return []
    message = (
        "No control_key occurs in two groups: control labels cannot be learnt, so selectivity cannot be computed. Name "
        "a column whose values recur over groups, such as the word read, under `columns: {control_key: ...}`"
    )
    return [Finding("warning", "control", message)]
