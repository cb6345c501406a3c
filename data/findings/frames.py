"""Which texts are the same but for one or two words: each text leaves words out, and what is left is compared.

What is left, a frame, is one number of 64 bits, made of random numbers for the words; two frames that are not the same
have the same number once in 10^19 times. So all frames of 10,000 sentences are compared by one sort.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WORD = re.compile(r"\w+")
HOLE = 2  # words next to each other that a frame may leave out
FEWEST = 2  # words of a frame, and twice as many as it leaves out
LONGEST = 64  # words; a longer text with one or two others is a near copy, which data.findings.neighbours finds
APART_IN = 16  # words; longer texts do not leave out two words that stand apart, as that is a frame for each two words
APART = 3  # of two such words; nearer ones fall into one hole, or nearly so
MANY = 8  # texts of a frame; one that more texts have is a template, and alike in a template is not alike as twins

Numbers = NDArray[np.uint64]
Frames = tuple[Numbers, NDArray[np.intp]]  # numbers of frames, and the text of each


def shared_frames(texts: Sequence[str]) -> pd.DataFrame:
    """Return the frames that two or more texts have, and not too many: a row for each text in each.

    Args:
        texts: Of examples, none twice.

    Example:
        >>> shared_frames(["The old cat ran.", "The old dog ran.", "No tea today."]).to_dict("list")
        {'frame': [0, 0], 'text': [0, 1], 'size': [2, 2]}
    """
    parts = list(_frames([WORD.findall(text.lower()) for text in texts]))
    if not parts:
        return pd.DataFrame({"frame": [], "text": [], "size": []}, dtype="int64")
    numbers, owners = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    _, inverse, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    kept = (sizes > 1)[inverse]
    table = pd.DataFrame({"frame": inverse[kept], "text": owners[kept]}).drop_duplicates()
    table["size"] = table.groupby("frame")["text"].transform("size")
    table = table[table["size"].between(2, MANY)].sort_values(["frame", "text"], ignore_index=True)
    return table.assign(frame=pd.factorize(table["frame"])[0])


def _frames(texts: list[list[str]]) -> Iterator[Frames]:
    """Yield the frames of all texts with one number of words, and then of the next."""
    lengths = np.array([len(words) for words in texts])
    starts = np.r_[0, np.cumsum(lengths)[:-1]]
    codes, _ = pd.factorize(np.array([word for words in texts for word in words], dtype=object))
    draw = np.random.default_rng(0)
    values = _draw(draw, int(codes.max(initial=0)) + 1)[codes]
    factors, places = _draw(draw, 4) | np.uint64(1), _draw(draw, APART_IN)
    for length in np.unique(lengths[(lengths >= FEWEST) & (lengths <= LONGEST)]):
        owners = np.flatnonzero(lengths == length)
        words = values[starts[owners][:, None] + np.arange(length)]
        yield words.sum(axis=1) + factors[3], owners  # the same words in any order
        yield from _one_hole(words, owners, factors)
        if _enough(length, 2) and length <= APART_IN:
            yield _repeated(_two_words(words, owners, places[:length], factors))


def _one_hole(words: Numbers, owners: NDArray[np.intp], factors: Numbers) -> Iterator[Frames]:
    """Yield what stands before and after a hole in each place; a hole may be empty, for a text with words left out."""
    n, length = words.shape
    before, after = (np.zeros((n, length + 1), dtype=np.uint64) for _ in range(2))
    for at in range(length):
        before[:, at + 1] = before[:, at] * factors[0] + words[:, at]
        after[:, length - at - 1] = after[:, length - at] * factors[0] + words[:, length - at - 1]
    for hole in range(HOLE + 1):
        if _enough(length, hole):
            numbers = before[:, : length - hole + 1] * factors[1] + after[:, hole:] * factors[2]
            yield numbers.ravel(), np.repeat(owners, length - hole + 1)


def _two_words(words: Numbers, owners: NDArray[np.intp], places: Numbers, factors: Numbers) -> Frames:
    """Return what is left without each two words that stand apart."""
    first, second = np.triu_indices(words.shape[1], APART)
    parts = words * places
    left = parts.sum(axis=1)[:, None] - parts[:, first] - parts[:, second]
    return (left + places[first] * factors[1] + places[second] * factors[2]).ravel(), np.repeat(owners, len(first))


def _repeated(frames: Frames) -> Frames:
    """Return the frames that occur more than once; these ones cannot recur in texts of another length."""
    numbers, owners = frames
    order = np.argsort(numbers, kind="stable")
    same = np.diff(numbers[order]) == 0
    kept = order[np.r_[same, False] | np.r_[False, same]]
    return numbers[kept], owners[kept]


def _enough(length: int, left_out: int) -> bool:
    return length - left_out >= max(FEWEST, 2 * left_out)


def _draw(draw: np.random.Generator, n: int) -> Numbers:
    return draw.integers(0, 2**64, n, dtype=np.uint64)
