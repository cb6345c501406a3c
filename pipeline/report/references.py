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

UNTRAINED = """@inproceedings{zhang2018language,
  title = {Language Modeling Teaches You More than Translation Does: Lessons Learned Through Auxiliary Syntactic Task Analysis},
  author = {Zhang, Kelly and Bowman, Samuel},
  booktitle = {Proceedings of the 2018 EMNLP Workshop BlackboxNLP: Analyzing and Interpreting Neural Networks for NLP},
  pages = {359--361},
  year = {2018},
}"""  # noqa: E501
CODELENGTH = """@inproceedings{voita2020information,
  title = {Information-Theoretic Probing with Minimum Description Length},
  author = {Voita, Elena and Titov, Ivan},
  booktitle = {Proceedings of the 2020 Conference on Empirical Methods in Natural Language Processing (EMNLP)},
  pages = {183--196},
  year = {2020},
}"""
MAX_STATISTIC = r"""@book{westfall1993resampling,
  title = {Resampling-Based Multiple Testing: Examples and Methods for p-Value Adjustment},
  author = {Westfall, Peter H. and Young, S. Stanley},
  publisher = {John Wiley \& Sons},
  year = {1993},
}"""
BCA = """@article{efron1987better,
  title = {Better Bootstrap Confidence Intervals},
  author = {Efron, Bradley},
  journal = {Journal of the American Statistical Association},
  volume = {82},
  number = {397},
  pages = {171--185},
  year = {1987},
}"""
CLUSTERS = """@article{field2007bootstrapping,
  title = {Bootstrapping Clustered Data},
  author = {Field, Christopher A. and Welsh, Alan H.},
  journal = {Journal of the Royal Statistical Society: Series B (Statistical Methodology)},
  volume = {69},
  number = {3},
  pages = {369--390},
  year = {2007},
}"""
EXPANSION = """@article{hesterberg2015what,
  title = {What Teachers Should Know About the Bootstrap: Resampling in the Undergraduate Statistics Curriculum},
  author = {Hesterberg, Tim C.},
  journal = {The American Statistician},
  volume = {69},
  number = {4},
  pages = {371--386},
  year = {2015},
}"""
METHODS = (MAX_STATISTIC, CLUSTERS, BCA, EXPANSION)  # of every run
MEASURED = {"control_accuracy": CONTROL_TASKS, "untrained": UNTRAINED, "codelength": CODELENGTH}  # where a column is


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
    for entry in METHODS:
        yield "methods", entry
    for column, entry in MEASURED.items():
        if any(was_measured(model.scores, column) for model in atlas.models):
            yield "methods", entry
    for dataset, card in atlas.cards.items():
        for entry in dataset_entries(dataset, card.get("citation") or ""):
            yield dataset, entry


def _software(commit: str) -> str:
    note = "" if commit == "unknown" else f"\n  note = {{Code commit {commit}}},"
    return f"@misc{{head_atlas,\n  title = {{Head Atlas}},\n  author = {{{{Head Atlas contributors}}}},{note}\n}}"


def was_measured(scores: pd.DataFrame, column: str) -> bool:
    """Return whether any head has a number in a column.

    Args:
        scores: One row per dataset x layer x head.
        column: Its name.
    """
    return bool(scores[column].notna().any())


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
