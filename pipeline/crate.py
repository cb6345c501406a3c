"""What a release says of itself: the RO-Crate metadata of its files, datasets, models and software."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.dataset import Dataset
from rocrate.model.file import File
from rocrate.rocrate import ROCrate

from pipeline.report.licences import free_licence

METADATA = "ro-crate-metadata.json"
VERSION = "1.3"  # of RO-Crate
LICENCE = "Apache-2.0"  # of the code, and of what it computes
AUTHORS = {"@id": "#contributors", "@type": "Organization", "name": "Head Atlas contributors"}
FORMATS = {
    ".bib": "application/x-bibtex", ".cff": "application/yaml", ".csv": "text/csv", ".html": "text/html",
    ".json": "application/json", ".lock": "text/plain", ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet", ".pdf": "application/pdf", ".png": "image/png",
    ".safetensors": "application/octet-stream", ".svg": "image/svg+xml", ".tar": "application/x-tar",
    ".tex": "application/x-tex", ".txt": "text/plain", ".yaml": "application/yaml",
}  # fmt: skip
# The first pattern that fits says what a file is; `*` takes `/`, too.
ABOUT = (
    ("README.txt", "What is here, on what terms, what is not, and how to make it again"),
    ("code.tar", "The code, the specs and the bundled word lists at the commit of this release"),
    ("params.yaml", "Every number the run was made with, its models and its datasets"),
    ("dvc.yaml", "The graph of the stages"),
    ("dvc.lock", "Content hashes of what every stage read and wrote"),
    ("requirements.lock", "Every package at the version the run was made for"),
    ("CITATION.cff", "How to cite the software"),
    ("LICENSE", "The licence of the software and the results"),
    ("results/metrics.json", "The numbers of the run, by family and dataset"),
    ("results/metrics/*", "The headline numbers of a model"),
    ("results/report/index.html", "The report, for a browser"),
    ("results/report/provenance.json", "Commit, params, models, datasets, content hashes and libraries"),
    ("results/report/references.bib", "The works the run rests on"),
    ("results/report/figures/*", "A figure of the report"),
    ("results/report/tables/*", "A table of the report"),
    ("results/report/*", "A part of the report"),
    ("results/taxonomy/*/schema.json", "Every table and column of the taxonomy, described"),
    ("results/taxonomy/*", "A part of the head taxonomy of a model; schema.json describes its columns"),
    ("results/transfer/*", "How probes do on other datasets of their feature"),
    ("results/probes/*/heads.parquet", "The evidence on every head, one row a head"),
    ("results/probes/*/predictions.parquet", "Out-of-fold log-probabilities of every head for every example"),
    ("results/probes/*/probes.safetensors", "The probes of every head and fold"),
    ("results/probes/*/replicates.safetensors", "Every criterion in every replicate, and the null"),
    ("results/probes/*", "A part of the probe results of one model and dataset"),
    ("data/examples/*/card.json", "The card of a dataset: counts, licence, citation, source, findings"),
    ("data/examples/*/texts.parquet", "The texts of a dataset and the span that is read"),
    ("data/examples/*/labels.parquet", "Labels, groups, control keys and folds of a dataset"),
    ("data/examples/*", "A part of the examples of a dataset"),
)


@dataclass(frozen=True)
class Packed:
    """A file of a release.

    Attributes:
        path: In the release, with `/`.
        size: In bytes.
        sha256: Of its content.
    """

    path: str
    size: int
    sha256: str


def crate_metadata(packed: Iterable[Packed], cards: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any]) -> Any:
    """Return the content of `ro-crate-metadata.json`; equal arguments give an equal one.

    Args:
        packed: The files of the release, without the metadata.
        cards: Dataset -> its card.
        about: What `provenance.json` holds, and `commit` and `published`, an ISO 8601 time, of the release itself.
    """
    crate, packed = ROCrate(version=VERSION), sorted(packed, key=lambda file: file.path)
    copied = {name for name in cards if any(file.path.startswith(f"data/examples/{name}/") for file in packed)}
    files = [crate.add(File(crate, dest_path=file.path, properties=_file(file, about["withheld"]))) for file in packed]
    licence = _licence(crate, LICENCE)
    authors = _context(crate, dict(AUTHORS))
    software = _software(crate, about, authors)
    models = [_model(crate, slug, block) for slug, block in about["models"].items()]
    datasets = [_dataset(crate, name, card, copied=name in copied) for name, card in cards.items()]
    results = [file for file in files if file.id.startswith("results/")]
    run = _context(crate, {
        "@id": "#run", "@type": "CreateAction", "name": "Run of the pipeline", "instrument": software,
        "object": [*datasets, *models, crate.get("params.yaml")], "result": results,
    })  # fmt: skip
    root = {
        "name": f"Head Atlas: what the attention heads of {', '.join(about['models'])} linearly encode",
        "description": _description(about, len(cards), sorted(about["withheld"])),
        "license": licence, "author": authors, "publisher": authors, "datePublished": about["published"],
        "version": about["commit"],
        "keywords": ["attention heads", "probing", "interpretability", "language models"], "mentions": run,
    }  # fmt: skip
    for key, value in root.items():
        crate.root_dataset[key] = value
    return crate.metadata.generate()


def _context(crate: ROCrate, block: dict[str, Any]) -> Any:
    """Add what is no file, once, and return it."""
    found = crate.get(block["@id"])
    return found or crate.add(ContextEntity(crate, block.pop("@id"), properties=block))


def _file(file: Packed, withheld: Mapping[str, str]) -> dict[str, Any]:
    path = PurePosixPath(file.path)
    what = next((text for pattern, text in ABOUT if fnmatch(file.path, pattern)), "A file of the run")
    if withheld and file.path == "results/report/index.html":
        what += f", without the examples of {', '.join(sorted(withheld))}, which may not be passed on"
    kind = {"@type": ["File", "SoftwareSourceCode"]} if file.path == "code.tar" else {}
    return {
        **kind, "name": file.path, "description": what, "encodingFormat": FORMATS.get(path.suffix, "text/plain"),
        "contentSize": str(file.size), "sha256": file.sha256,
    }  # fmt: skip


def _licence(crate: ROCrate, spdx: str) -> Any:
    url = f"https://spdx.org/licenses/{spdx}"
    what = f"The licence that SPDX calls {spdx}; its text is at this address"
    return _context(crate, {"@id": url, "@type": "CreativeWork", "name": spdx, "identifier": spdx, "description": what})


def _terms(crate: ROCrate, dataset: str, licence: str) -> Any:
    """Add the terms of a dataset in their own words, since they are no licence with an address."""
    block = {"@id": f"#licence-{dataset}", "@type": "CreativeWork", "name": licence}
    return _context(crate, {**block, "description": f"The terms of {dataset}, as its spec gives them"})


def _software(crate: ROCrate, about: Mapping[str, Any], authors: Any) -> Any:
    """Say of the packed code what software it is, and return it."""
    code = crate.get("code.tar")
    code["author"], code["version"] = authors, about["code_commit"]
    code["softwareRequirements"] = [_library(crate, *library) for library in about["libraries"].items()]
    code["programmingLanguage"] = crate.get("#library-python")
    return code


def _library(crate: ROCrate, name: str, version: str) -> Any:
    place = "https://www.python.org/" if name == "python" else f"https://pypi.org/project/{name}/"
    kind = "ComputerLanguage" if name == "python" else "SoftwareApplication"
    return _context(crate, {"@id": f"#library-{name}", "@type": kind, "name": name, "version": version, "url": place})


def _model(crate: ROCrate, slug: str, block: Mapping[str, Any]) -> Any:
    facts = {"identifier": "source", "version": "revision", "sha256": "weights_sha256"}
    known = {name: str(block[key]) for name, key in facts.items() if block.get(key)}
    what = "Language model whose heads were probed; its weights are not in this release"
    return _context(crate, {"@id": f"#model-{slug}", "@type": "CreativeWork", "name": slug,
                            "description": what, **known})  # fmt: skip


def _dataset(crate: ROCrate, name: str, card: Mapping[str, Any], copied: bool) -> Any:
    """Add a dataset: its folder where it is in the release, otherwise what it takes to find it."""
    source, spdx = card.get("source") or {}, free_licence(card["licence"])
    facts = {
        "name": name, "description": str(card.get("description") or name), "creditText": card.get("citation") or "",
        "license": _licence(crate, spdx) if spdx else _terms(crate, name, str(card["licence"])),
        "sha256": source.get("sha256") or "",
        "identifier": place(source), "size": f"{card['n_examples']} examples",
    }  # fmt: skip
    if copied:
        folder = f"data/examples/{name}/"
        parts = [file for file in crate.get_entities() if file.id.startswith(folder)]
        return crate.add(Dataset(crate, dest_path=folder, properties={**_known(facts), "hasPart": parts}))
    terms = (
        "Not in this release: its licence is not one that lets anyone pass texts and labels on. Get it at its source."
    )
    return _context(
        crate, {"@id": f"#dataset-{name}", "@type": "Dataset", "conditionsOfAccess": terms, **_known(facts)}
    )


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value != ""}


def place(source: Mapping[str, Any]) -> str:
    """Return where a dataset is from, in words; without folders, which say something of a person's machine.

    Args:
        source: Of its card.
    """
    if source.get("hub"):
        facts = [f"revision {source.get('revision')}", f"split {source.get('split')}"]
        return ", ".join([f"Hugging Face dataset {source['hub']}", *facts])
    paths = source.get("path") or source.get("generator") or ""
    names = [PurePosixPath(str(path)).name for path in (paths if isinstance(paths, list) else [paths])]
    return f"{source.get('kind') or 'source'} {', '.join(names)}"


def _description(about: Mapping[str, Any], n_datasets: int, withheld: Iterable[str]) -> str:
    left_out = ", ".join(withheld)
    return (
        f"A run of Head Atlas at commit {about['commit']}: every attention head of {', '.join(about['models'])} probed "
        f"on {n_datasets} datasets, the evidence on each head, the taxonomy and the report. Start with "
        "results/report/index.html; README.txt says how to make it again. Code and results are under the licence of "
        "this release, every dataset is under its own."
        + (f" Texts and labels not included: {left_out}." if left_out else "")
    )
