"""The bibliography of a run: its datasets, the methods it used and the software."""

import re
from collections.abc import Iterator

import pandas as pd

from pipeline.report.results import Atlas

ENTRY_START = re.compile(r"^(?=@\w+\s*[{(])", re.MULTILINE)
ENTRY_KEY = re.compile(r"@\w+\s*[{(]\s*([^\s,{}()]+)\s*,")
ESCAPES = {
    "\\": r"\textbackslash{}",
    # BibTeX counts \{ as a brace, so a lone one would swallow the rest of the file
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "#$%&_"},
}
SURVEY = """@article{zheng2024attention,
  title = {Attention Heads of Large Language Models: A Survey},
  author = {Zheng, Zifan and Wang, Yezhaohui and Huang, Yuxin and Song, Shichao and Yang, Mingchuan and Tang, Bo and Xiong, Feiyu and Li, Zhiyu},
  journal = {arXiv preprint arXiv:2409.03752},
  year = {2024},
}"""  # noqa: E501
CONTROL_TASKS = """@inproceedings{hewitt2019designing,
  title = {Designing and Interpreting Probes with Control Tasks},
  author = {Hewitt, John and Liang, Percy},
  booktitle = {Proceedings of EMNLP-IJCNLP 2019},
  pages = {2733--2743},
  year = {2019},
}"""


def bibliography(atlas: Atlas, commit: str) -> str:
    """Return a BibTeX file with one entry per work: the datasets, the survey, the methods used and this software.

    Args:
        atlas: The run.
        commit: Commit of the code, or `unknown`.
    """
    entries: dict[str, str] = {}  # lower-case key -> entry; BibTeX keys ignore case
    for owner, entry in _entries(atlas, commit):
        _add(entries, owner, entry)
    return "\n\n".join(entries.values()) + "\n"


def _entries(atlas: Atlas, commit: str) -> Iterator[tuple[str, str]]:
    """Yield (slug of who asks for it, entry), ours first so that they keep their keys."""
    yield "head_atlas", _software(commit)
    yield "survey", SURVEY
    if any(control_was_measured(model.scores) for model in atlas.models):
        yield "control_tasks", CONTROL_TASKS
    for dataset, card in atlas.cards.items():
        for entry in dataset_entries(dataset, card.get("citation") or ""):
            yield dataset, entry


def _software(commit: str) -> str:
    note = "" if commit == "unknown" else f"\n  note = {{Code commit {commit}}},"
    return f"@misc{{head_atlas,\n  title = {{Head Atlas}},\n  author = {{{{Head Atlas contributors}}}},{note}\n}}"


def control_was_measured(scores: pd.DataFrame) -> bool:
    """Return whether any head has a control accuracy.

    Args:
        scores: One row per dataset x layer x head.
    """
    return bool(scores["control_accuracy"].notna().any())


def dataset_entries(dataset: str, citation: str) -> list[str]:
    """Return the BibTeX entries of a dataset: as given, or its plain words in a note.

    Args:
        dataset: Slug, the key of an entry made from plain words.
        citation: BibTeX (starts with `@`), plain words, or empty.
    """
    citation = citation.strip()
    if not citation:
        return []
    entries = [entry.strip() for entry in ENTRY_START.split(citation) if entry.strip()]
    if citation.startswith("@") and all(ENTRY_KEY.match(entry) for entry in entries):
        return entries
    return [f"@misc{{{dataset},\n  note = {{{escape(citation)}}},\n}}"]


def escape(text: str) -> str:
    """Return plain words as BibTeX and LaTeX read them, on one line.

    Args:
        text: Any text.
    """
    return "".join(ESCAPES.get(character, character) for character in " ".join(text.split()))


def _add(entries: dict[str, str], owner: str, entry: str) -> None:
    """Add an entry once; another work under a key already taken gets the dataset's slug behind its key."""
    match = ENTRY_KEY.match(entry)
    assert match is not None
    key = match[1]
    while key.lower() in entries:
        if entries[key.lower()].split() == entry.split():
            return
        key = f"{key}_{owner}"
    entries[key.lower()] = entry[: match.start(1)] + key + entry[match.end(1) :]
