"""Labels that are several labels in one field."""

from collections.abc import Iterator

from data.findings.finding import Finding, percent
from data.sources import RawRows
from data.spec import DatasetSpec

SEPARATORS = (",", ";", "|", "/", "+", "&")
AROUND = "[](){}'\" "  # of a list written as text
NAMED = 3  # labels shown


def about_several(spec: DatasetSpec, raw: RawRows) -> list[Finding]:
    """Return a warning where labels of the source are made of labels that other rows have alone.

    With `labels:` in the spec each label has been decided upon, and nothing is said.

    Args:
        spec: What the dataset is.
        raw: Rows of its source.

    Example:
        >>> import pandas as pd
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> raw = RawRows(pd.DataFrame({"label": ["joy", "anger", "anger,joy"]}), "")
        >>> about_several(load_spec(Path("data/specs/verb_tense.yaml")), raw)[0].message[:58]
        '1 of 3 rows (33 %) has several labels in one field, such a'
    """
    if spec.labels is not None:
        return []
    counts = raw.rows["label"].value_counts().sort_index()
    alone = {str(label) for label in counts.index}
    parts = {str(label): found for label in counts.index if (found := _parts(str(label), alone))}
    if not parts:
        return []
    n, total = int(counts[list(parts)].sum()), len(raw.rows)
    shown = ", ".join(map(repr, list(parts)[:NAMED])) + (f" and {len(parts) - NAMED} more" * (len(parts) > NAMED))
    lines = ", ".join(f"{part!r}: {part}" for part in next(iter(parts.values()))[:2])
    message = (
        f"{n} of {total} rows ({percent(n, total)}) {'have' if n > 1 else 'has'} several labels in one field, such as "
        f"{shown}: each such list counts as a class of its own, beside the classes in it, and a probe that names one "
        f"of its labels is wrong. Keep the rows with one label by naming those labels, `labels: {{{lines}, ..., "
        "'*': null}`, or make one dataset for each label, with yes or no"
    )
    return [Finding("warning", "labels", message)]


def _parts(label: str, alone: set[str]) -> list[str]:
    """Return the labels that a label is made of, or none where it is one."""
    return next((parts for parts in _splits(label) if len(parts) > 1 and alone.issuperset(parts)), [])


def _splits(label: str) -> Iterator[list[str]]:
    inner = label.strip(AROUND)
    for separator in SEPARATORS:
        yield [part.strip(AROUND) for part in inner.split(separator)]
