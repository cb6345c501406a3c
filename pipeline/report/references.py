"""The bibliography of a run: its models and datasets, the methods it used and the software."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pandas as pd

from pipeline.report import works
from pipeline.report.results import Atlas

ENTRY_START = re.compile(r"^(?=@\w+\s*[{(])", re.MULTILINE)
# Of an entry: @comment, @string and @preamble are none, and what is no key in LaTeX is no key here.
ENTRY_KEY = re.compile(r"@(?!(?i:comment|string|preamble)\b)\w+\s*[{(]\s*([^\s,{}()\"#%'=~\\]+)\s*,")
ESCAPES = {
    "\\": r"\textbackslash{}",
    # BibTeX counts \{ as a brace, so a lone one would swallow the rest of the file
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "#$%&_"},
}
# The bundled datasets share author and year, and styles that cite by these tell 26 works apart, by a to z, and fail at
# the next. So they are named by what they probe, and whose they are stands where such styles do not look.
BUNDLED = re.compile(r"^( *)author( *= *\{\{Head Atlas contributors\}\},)$", re.MULTILINE)
SHOWN_HASH = 12  # digits of a hash, which no style breaks: all 64 would run out of a column
STAGES = ("examples", "extract", "probe", "transfer", "taxonomy")
LAYERS = (works.CROSSED, works.FREEDOM, works.SHARES)
METHODS = {
    "taxonomy": (works.SURVEY, works.HOLM, works.STEPWISE, *LAYERS, works.SILHOUETTES),
    "probe": (works.MAX_STATISTIC, works.CLUSTERS, works.BCA, works.EXPANSION, works.INFORMATION),
}  # stage -> what it does by design
MEASURED = {
    "control_accuracy": works.CONTROL_TASKS,
    "untrained": works.UNTRAINED,
    "codelength": works.CODELENGTH,
}  # column -> what it takes, where it was measured
SOFTWARE = {
    "torch": (works.TORCH, ("extract", "probe")),
    "transformers": (works.TRANSFORMERS, ("extract",)),
    "scikit-learn": (works.SCIKIT_LEARN, ("examples",)),
    "numpy": (works.NUMPY, STAGES),
    "scipy": (works.SCIPY, ("examples", "probe", "transfer", "taxonomy")),
}  # library -> its work and the stages whose numbers it computes


@dataclass(frozen=True)
class Cited:
    """What a result rests on.

    Attributes:
        commit: Of the code, or `unknown`.
        date: Of that commit, YYYY-MM-DD, or `unknown`.
        stages: Kinds of the stages it was made by, of `STAGES`.
        measured: Columns of `MEASURED` that have numbers.
        models: Slug -> source, revision and weights_sha256.
        datasets: Dataset -> citation and licence.
        libraries: Name -> version.
    """

    commit: str
    date: str
    stages: Collection[str]
    measured: Collection[str]
    models: Mapping[str, Mapping[str, Any]]
    datasets: Mapping[str, Mapping[str, Any]]
    libraries: Mapping[str, str]


def bibliography(atlas: Atlas, origin: Mapping[str, Any]) -> str:
    """Return a BibTeX file with one entry per work that a whole run rests on.

    Args:
        atlas: The run.
        origin: What `provenance.json` holds.
    """
    measured = [name for name in MEASURED if any(was_measured(model.scores, name) for model in atlas.models)]
    return bibtex(cited(origin, STAGES, measured))


def cited(origin: Mapping[str, Any], stages: Collection[str], measured: Collection[str]) -> Cited:
    """Return what a result rests on.

    Args:
        origin: Its provenance.
        stages: Kinds of the stages it was made by, of `STAGES`.
        measured: Columns of `MEASURED` that have numbers.
    """
    names = ("code_commit", "code_date", "models", "datasets", "libraries")
    commit, date, models, datasets, libraries = (origin[name] for name in names)
    return Cited(commit, date, stages, measured, models, datasets, libraries)


def bibtex(rests_on: Cited) -> str:
    """Return a BibTeX file with one entry per work; words between entries, such as licences, are comments.

    Args:
        rests_on: What is cited.
    """
    blocks: list[str] = []
    seen: dict[str, str] = {}  # lower-case key -> entry; BibTeX keys ignore case
    for owner, entry in _entries(rests_on):
        new = entry if not entry.startswith("@") else _as_new(seen, owner, entry)
        blocks += [new] if new else []
    return "\n\n".join(blocks) + "\n"


def _entries(rests_on: Cited) -> Iterator[tuple[str, str]]:
    """Yield (who asks for it, entry or comment), ours first so that they keep their keys."""
    yield "head_atlas", _software(rests_on.commit, rests_on.date)
    for stage, entries in METHODS.items():
        if stage in rests_on.stages:
            yield from (("methods", entry) for entry in entries)
    yield from (("methods", MEASURED[name]) for name in MEASURED if name in rests_on.measured)
    for name, (entry, stages) in SOFTWARE.items():
        if not set(stages).isdisjoint(rests_on.stages):
            yield "software", _with_version(entry, rests_on.libraries.get(name, ""))
    for model, identity in rests_on.models.items():
        yield from ((model, entry) for entry in model_entries(model, identity))
    for dataset, about in rests_on.datasets.items():
        yield dataset, f"% Dataset {dataset}: licence {_comment(str(about.get('licence') or 'not known'))}"
        yield from ((dataset, entry) for entry in dataset_entries(dataset, about.get("citation") or ""))


def _software(commit: str, date: str) -> str:
    title = "{Head Atlas}: What Each Attention Head of a Language Model Linearly Encodes"  # that of CITATION.cff
    lines = [f"title = {{{title}}}", "author = {{Head Atlas contributors}}"]
    lines += [f"year = {{{date[:4]}}}"] if date != "unknown" else []
    lines += [f"note = {{Code commit {commit}}}"] if commit != "unknown" else []
    return "@misc{head_atlas,\n" + "".join(f"  {line},\n" for line in lines) + "}"


def _with_version(entry: str, version: str) -> str:
    return entry.removesuffix("}") + f"  note = {{Version {escape(version)}}},\n}}" if version else entry


def _comment(text: str) -> str:
    """Return words that no reader of BibTeX takes for an entry."""
    return " ".join(re.sub("[@{}]", " ", text).split())


def model_entries(model: str, identity: Mapping[str, Any]) -> list[str]:
    """Return the BibTeX entries of a model: the weights that were used, and the works behind those that come with it.

    Args:
        model: Slug.
        identity: Its source, revision and weights_sha256; what is not known is None or not there.
    """
    source = str(identity.get("source") or "unknown")
    weights = str(identity.get("weights_sha256") or "")[:SHOWN_HASH]
    facts = {"revision": identity.get("revision"), "weights SHA-256": weights}
    note = ", ".join(f"{name} {escape(str(value))}" for name, value in facts.items() if value)
    lines = [
        f"key = {{{_name(model)}}}",
        f"title = {{{escape(model)}}}",
        f"howpublished = {{Model weights, {escape(source)}}}",
    ]
    lines += [f"note = {{{note[0].upper()}{note[1:]}}}"] if note else []
    entry = f"@misc{{model_{model},\n" + "".join(f"  {line},\n" for line in lines) + "}"
    return [entry, *works.MODEL_WORKS.get(source, ())]


def was_measured(scores: pd.DataFrame, column: str) -> bool:
    """Return whether any head has a number in a column.

    Args:
        scores: One row per dataset x layer x head.
        column: Its name.
    """
    return bool(scores[column].notna().any())


def dataset_entries(dataset: str, citation: str) -> list[str]:
    """Return the BibTeX entries of a dataset: as given, or its plain words in a note; named by it without an author.

    Args:
        dataset: Slug, the key of an entry made from plain words.
        citation: BibTeX (starts with `@`), plain words, or empty.
    """
    citation = citation.strip()
    if not citation:
        return []
    entries = [entry.strip() for entry in ENTRY_START.split(citation) if entry.strip()]
    if citation.startswith("@") and all(ENTRY_KEY.match(entry) and _is_whole(entry) for entry in entries):
        return [BUNDLED.sub(rf"\1key = {{{_name(dataset)}}},\n\1organization\2", entry) for entry in entries]
    return [f"@misc{{{dataset},\n  key = {{{_name(dataset)}}},\n  note = {{{escape(citation)}}},\n}}"]


def _name(slug: str) -> str:
    """Return a slug as a style shows it where it would name the author: without it, none can sort a work or cite it."""
    return slug.replace("_", " ")


def _is_whole(entry: str) -> bool:
    """Return whether an entry ends with its last brace, so that it swallows nothing of what comes after it."""
    depths = list(accumulate({"{": 1, "}": -1}.get(character, 0) for character in entry))
    first = entry.index("{") if "{" in entry else len(entry)
    return entry.endswith("}") and depths[-1] == 0 and min(depths[first:-1], default=0) > 0


def escape(text: str) -> str:
    """Return plain words as BibTeX and LaTeX read them, on one line.

    Args:
        text: Any text.
    """
    return "".join(ESCAPES.get(character, character) for character in " ".join(text.split()))


def _as_new(seen: dict[str, str], owner: str, entry: str) -> str | None:
    """Return an entry to write, None if it was; another work under a taken key gets its owner's slug behind its key."""
    match = ENTRY_KEY.match(entry)
    assert match is not None
    key = match[1]
    while key.lower() in seen:
        if seen[key.lower()].split() == entry.split():
            return None
        key = f"{key}_{owner}"
    seen[key.lower()] = entry
    return entry[: match.start(1)] + key + entry[match.end(1) :]
