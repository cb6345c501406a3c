"""What a release says to a person who unpacks it: what is there, on what terms, what is not, and how to make it again.

Plain text, since a licence or a source may hold what Markdown would obey.
"""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.crate import LICENCE, place
from pipeline.report.licences import free_licence

README = "README.txt"
WIDTH = 100  # characters in a line
PARTS = {
    "results/report/index.html": "the report: open it in a browser, it needs no network",
    "results/report/figures/, tables/": "what a paper takes: PDF, SVG and PNG, LaTeX and CSV",
    "results/report/references.bib": "the works that the run rests on",
    "results/taxonomy/<model>/": "one row a head in heads.csv; schema.json tells of every column",
    "results/probes/<model>/<dataset>/": "the evidence on every head in heads.parquet; probes, predictions",
    "data/examples/<dataset>/": "texts, labels and card of every dataset that may be passed on",
    "params.yaml, dvc.yaml, dvc.lock": "every number, the stages, the hash of all they read and wrote",
    "code.tar": "the code at this commit and its docs; docs/columns.md has columns",
    "ro-crate-metadata.json": "the same for programs: every file with its SHA-256 (RO-Crate)",
}
AGAIN = """\
With Python 3.11 or newer, git and make:

    mkdir again && tar -xf code.tar -C again && cd again
    git init
    make repro

installs requirements.lock and runs every stage. Compare its dvc.lock with the one here: on a machine of
the same kind all hashes but that of the report, which names the commit, are equal; on another the last
digits of numbers may differ. Next to the results, `tar -xf code.tar` and an environment with
requirements.lock are enough for

    python -m pipeline.cite results/taxonomy/{model}

which prints what names a result, and its BibTeX. How to cite the software stands in CITATION.cff."""


def readme(cards: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any]) -> str:
    """Return the text of the file.

    Args:
        cards: Dataset -> its card.
        about: As for `pipeline.crate.crate_metadata`.
    """
    models = list(about["models"])
    title = f"Head Atlas: what the attention heads of {', '.join(models)} linearly encode"
    run = f"One run on {len(cards)} datasets at commit {about['commit']}, published {about['published']}."
    sections = {
        "What is here": "\n".join(f"{path:<34}{what}" for path, what in PARTS.items()),
        "Terms": "\n".join(_terms(cards)),
        "What is not here": "\n".join(_absent(cards, about)),
        "How to make it again, and to cite it": AGAIN.format(model=models[0]),
    }
    parts = [f"{title}\n{'=' * len(title)}\n\n{run}"]
    parts += [f"{heading}\n{'-' * len(heading)}\n\n{text}" for heading, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _terms(cards: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield f"Code and results: {LICENCE}, whose text is in LICENSE. The datasets here, each under its own licence:"
    owned: dict[str, list[str]] = {}
    for name, card in cards.items():
        if spdx := free_licence(card["licence"]):
            owned.setdefault(spdx, []).append(name)
    yield from (_item(f"{licence}: {', '.join(names)}") for licence, names in owned.items())


def _absent(cards: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any]) -> Iterator[str]:
    for slug, model in about["models"].items():
        known = {"revision": model.get("revision"), "weights SHA-256": model.get("weights_sha256")}
        facts = "".join(f", {name} {value}" for name, value in known.items() if value)
        yield _item(f"the weights of {slug}: {model.get('source') or 'source not known'}{facts}")
    yield _item("data/activations, the outputs of the heads: large, and made again from the rest")
    for name, licence in about["withheld"].items():
        source = cards[name].get("source") or {}
        revision = f", SHA-256 {source['sha256']}" if source.get("sha256") else ""
        yield _item(f"texts, labels and predictions of {name}, on the terms: {licence}. Get it from {place(source)}"
                    f"{revision}")  # fmt: skip
    if about["withheld"]:
        yield _item("the page with their examples: results/report/index.html was made again without them, so its hash "
                    "is not the one in dvc.lock")  # fmt: skip


def _item(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.fill(" ".join(printable.split()), WIDTH, initial_indent="- ", subsequent_indent="  ",
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip
