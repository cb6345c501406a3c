"""Classes that are too small to be judged."""

import pandas as pd

from data.findings.finding import Finding

RARE = 20  # examples; fewer and a fold holds a handful, so that one example moves the accuracy by many points


def about_classes(table: pd.DataFrame) -> list[Finding]:
    """Return a warning about the smallest class, where it is too small.

    Args:
        table: What `joined` returned.

    Example:
        >>> about_classes(pd.DataFrame({"label": ["cat"] * 20 + ["dog"] * 7}))[0].message[:40]
        "Class 'dog' has 7 examples, fewer than 2"
    """
    counts = table["label"].value_counts().sort_index()
    rarest, size = str(counts.idxmin()), int(counts.min())
    if size >= RARE:
        return []
    message = (
        f"Class {rarest!r} has {size} examples, fewer than {RARE}: its accuracy is hardly known. "
        "Add examples, or merge or drop the class with `labels:`"
    )
    return [Finding("warning", "classes", message)]
