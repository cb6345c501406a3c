"""Near copies of one text in several folds, found by the words and pairs of words that texts share."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

from data.findings.finding import Finding, percent
from data.findings.table import is_grouped, told_apart
from data.spec import DatasetSpec
from data.surface import TOKEN

ALIKE = 0.8  # share of words and pairs of words, of both texts, that near copies have in common
GROUPED = 0.9  # the same where the spec has groups: texts of one template are alike and yet meant to be apart
COMMON = 50  # texts; what more of them have says nothing about which are copies, and comparing them all takes long
OVERLAP = 0.5  # of what is rarer, so that two texts are looked at closely
AT_ONCE = 4096  # texts compared with all others, so that memory does not grow with the square of the dataset
FEW = 0.01  # of the texts; fewer do not move an accuracy


def about_neighbours(spec: DatasetSpec, table: pd.DataFrame) -> list[Finding]:
    """Return a warning where near copies of a text are in several folds, or a note where it is a few.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> rows = [("The cat sat on the mat.", 0), ("the cat sat on the mat .", 1), ("No dog here", 0)]
        >>> table = pd.DataFrame(rows, columns=["text", "fold"]).assign(label="x", row=[1, 2, 3])
        >>> about_neighbours(load_spec(Path("data/specs/wic.yaml")), table)[0].message[:47]
        '2 texts (67 %) have a near copy in another fold'
    """
    texts = table.drop_duplicates("text", ignore_index=True)
    pairs = _near_copies(texts, GROUPED if is_grouped(spec) else ALIKE)
    n = len(np.unique(pairs))
    if not n:
        return []
    one, other = (texts.loc[at] for at in pairs[0])
    way_out = "Remove the copies, or give them one `group` under `columns:`"
    way_out += "; that of the spec does not keep them together" * is_grouped(spec)
    message = (
        f"{n} texts ({percent(n, len(texts))}) have a near copy in another fold: {told_apart(one, other)}. A probe "
        f"that is tested on what it was trained on is judged too well. {way_out}"
    )
    return [Finding("warning" if n >= FEW * len(texts) else "note", "neighbours", message)]


def _near_copies(texts: pd.DataFrame, alike: float) -> NDArray[np.intp]:
    """Return pairs of rows, the most alike first, shape (n_pairs, 2)."""
    bags = _bags(list(texts["text"]))
    first, second = _candidates(bags, texts["fold"].to_numpy())
    sizes = np.asarray(bags.sum(axis=1)).ravel()
    shared = np.asarray(bags[first].multiply(bags[second]).sum(axis=1)).ravel()
    likeness = shared / (sizes[first] + sizes[second] - shared)
    order = np.lexsort((second, first, -likeness))
    order = order[likeness[order] >= alike]
    return np.column_stack([first[order], second[order]])


def _bags(texts: list[str]) -> csr_matrix:
    vectorizer = CountVectorizer(ngram_range=(1, 2), lowercase=True, binary=True, token_pattern=TOKEN, dtype=np.int32)
    return vectorizer.fit_transform(texts).tocsr()


def _candidates(bags: csr_matrix, folds: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs of different folds that share half of what few texts have."""
    rare = bags[:, np.asarray(bags.sum(axis=0)).ravel() <= COMMON]
    sizes = np.asarray(rare.sum(axis=1)).ravel()
    firsts, seconds = [], []
    for start in range(0, rare.shape[0], AT_ONCE):
        met = (rare[start : start + AT_ONCE] @ rare.T).tocoo()
        first, second = met.row + start, met.col
        close = (first < second) & (folds[first] != folds[second])
        close &= met.data >= OVERLAP * np.maximum(sizes[first], sizes[second])
        firsts.append(first[close])
        seconds.append(second[close])
    return np.concatenate(firsts), np.concatenate(seconds)
