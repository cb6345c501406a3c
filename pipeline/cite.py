"""What names a result exactly, for a paper: `python -m pipeline.cite results/taxonomy/minilm`.

Prints the content hash of any stage output, the commit of the code, the params, the models, the datasets with their
licences and the libraries behind it, then a sentence for a methods section and BibTeX. Nothing is written. No stage
reaches this file, so that it may ask `data` what a spec says.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.spec import load_spec
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import read_json
from pipeline.lock import Stage, file_hash, grid, read_lock, upstream
from pipeline.outputs import Named, changed_code, check_output, find_output, listing, what_differs
from pipeline.params import SECTIONS, load_params
from pipeline.report.provenance import LOCK, dataset_origin, git, origin
from pipeline.report.references import ENTRY_KEY, bibtex, cited
from pipeline.report.results import shared_identity
from pipeline.wording import as_text, methods_sentence

PARAMS = "params.yaml"
WEIGHTS_PINNED = (
    "so the weights hash is the one that params.yaml pins; get it with `dvc pull` or make it with `dvc repro`"
)
NOT_KNOWN = {"source": {}, "licence": "unknown", "redistributable": False, "citation": ""}
EXTRACTION = (
    *("source", "revision", "weights_sha256", "model_type", "precision", "n_layers", "layers", "attention", "n_heads"),
    *("d_head", "d_model", "readout", "untrained_seed"),
)  # of a store's manifest: what summary.json repeats


def main(argv: Sequence[str] | None = None) -> None:
    """Print what names an output.

    Args:
        argv: Command line without the program's name; None takes the process's own.

    Raises:
        PipelineError: If the path names no output, or dvc.lock or params.yaml cannot be read.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.cite", description=__doc__)
    parser.add_argument("path", help="a stage output or something in it, such as results/taxonomy/minilm")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for programs")
    form.add_argument("--bibtex", action="store_true", help="print the BibTeX alone")
    given = parser.parse_args(argv)
    record = cite(Path(), given.path)
    if given.json:
        print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(record["bibtex"] if given.bibtex else as_text(record), end="")


def cite(root: Path, given: str) -> dict[str, Any]:
    """Return what names an output: the keys of `provenance.json`, narrowed to it, and what makes them a citation.

    Args:
        root: Top folder of the project.
        given: Path of the output, of something in it, or of a folder with the outputs of one stage.

    Raises:
        PipelineError: If the path names no output, or dvc.lock or params.yaml cannot be read.
    """
    if not (root / "dvc.yaml").is_file():
        raise PipelineError(f"{root.absolute()}: no dvc.yaml; run from the top folder of the project")
    recorded, params = read_lock(root / LOCK), load_params(root / PARAMS)
    named = find_output(root, recorded, given)
    stages = upstream(_of_its_run(recorded, named.stage), named.stage.name)
    used, mixed = params_of(stages)
    models, datasets = cells(stages, params)
    identities, measured, unknown = _models(root, stages, models, datasets, used)
    about, missing = _datasets(root, datasets)
    facts = origin(root, used, identities, about, stages)
    kinds = {name.split("@")[0] for name in stages}
    references = bibtex(cited(facts, kinds, measured))
    checked = [check_output(root, named.stage.name, item) for item in named.outputs]
    differing = [text for text in map(what_differs, checked) if text]
    record = {
        "path": named.path,
        "stage": named.stage.name,
        "command": named.stage.command,
        "outputs": [{"path": c.path, "md5": c.recorded, "md5_on_disk": c.found, "same": c.same} for c in checked],
        **_hashes(root, named),
        **facts,
        "keys": [match[1] for match in ENTRY_KEY.finditer(references)],
        "bibtex": references,
        "warnings": [*differing, *_doubts(root, stages, used, params), *mixed, *unknown, *missing],
    }
    return {**record, "sentence": methods_sentence(record)}


def _of_its_run(stages: Mapping[str, Stage], stage: Stage) -> dict[str, Stage]:
    """Return the stages without those of models and datasets that the stage did not ask for: DVC keeps old ones."""
    asked = stage.params.get(PARAMS, {})
    known = [_cell(other) for other in stages.values()]
    models = asked.get("models") or {model for model, _ in known if model}
    datasets = asked.get("datasets") or {dataset for _, dataset in known if dataset}
    wanted = grid(models, datasets) | {stage.name}
    return {name: other for name, other in stages.items() if name in wanted}


def _cell(stage: Stage) -> tuple[str | None, str | None]:
    """Return (model, dataset) of a stage; None where it has none, or spans several."""
    parts = stage.outs[0].path.split("/") if stage.outs else []
    match parts:
        case ["data", "examples", dataset, *_]:
            return None, dataset
        case ["data", "activations", model, dataset, *_] | ["results", "probes", model, dataset, *_]:
            return model, dataset
        case ["results", "transfer" | "taxonomy", model, *_]:
            return model, None
    return None, None


def cells(stages: Mapping[str, Stage], params: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the slugs of models and datasets that stages are of, in the order of params.yaml, others behind.

    Args:
        stages: Name -> stage.
        params: The params file.
    """
    found = [_cell(stage) for stage in stages.values()]
    ordered = []
    for section, slugs in (("models", {model for model, _ in found}), ("datasets", {name for _, name in found})):
        first = [slug for slug in params[section] if slug in slugs]
        ordered.append([*first, *sorted(slug for slug in slugs if slug and slug not in first)])
    return ordered[0], ordered[1]


def params_of(stages: Mapping[str, Stage]) -> tuple[dict[str, Any], list[str]]:
    """Return the params that stages were run with, nested as in params.yaml, and a warning for each that they mix.

    Args:
        stages: Name -> stage.
    """
    flat: dict[str, Any] = {}
    mixed = set()
    for stage in stages.values():
        for key, value in stage.params.get(PARAMS, {}).items():
            mixed |= {key} if flat.setdefault(key, value) != value else set()
    nested: dict[str, Any] = {}
    for key, value in sorted(flat.items(), key=lambda entry: entry[0].count(".")):
        *above, last = key.split(".")
        place = nested
        for part in above:
            place = place.setdefault(part, {})
        place.setdefault(last, value)
    nested = {name: nested[name] for name in SECTIONS if name in nested}
    return nested, [f"its stages were run with different {key}; run `dvc repro`" for key in sorted(mixed)]


def _models(
    root: Path, stages: Mapping[str, Stage], models: Sequence[str], datasets: Sequence[str], params: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[str], list[str]]:
    """Return the identity of each model, the columns that have numbers, and what could not be found out."""
    identities, unknown = {}, []
    summaries = []
    for model in models:
        cell = [name for name in datasets if f"extract@{model}-{name}" in stages]
        found = [block for name in cell if (block := _extraction(root, model, name))]
        summaries += [read_json(path) for name in cell if (path := _summary(root, model, name)).is_file()]
        identities[model] = shared_identity(model, found) if found else _pinned(params, model)
        if not found:
            unknown.append(f"results/probes/{model}: not on this machine, {WEIGHTS_PINNED}")
    return identities, _measured(stages, summaries, params), unknown


def _summary(root: Path, model: str, dataset: str) -> Path:
    return root / "results/probes" / model / dataset / "summary.json"


def _extraction(root: Path, model: str, dataset: str) -> dict[str, Any] | None:
    """Return what extraction wrote of the model, None where no file tells."""
    summary, manifest = _summary(root, model, dataset), root / "data/activations" / model / dataset / "manifest.json"
    if summary.is_file():
        return dict(read_json(summary)["extraction"])
    if not manifest.is_file():
        return None
    block = read_json(manifest)
    return {key: block[key] for key in EXTRACTION if key in block}


def _pinned(params: Mapping[str, Any], model: str) -> dict[str, Any]:
    entry = (params.get("models") or {}).get(model) or {}
    return {"source": entry.get("source"), "revision": entry.get("revision"), "weights_sha256": entry.get("sha256")}


def _measured(
    stages: Mapping[str, Stage], summaries: Sequence[Mapping[str, Any]], params: Mapping[str, Any]
) -> list[str]:
    """Return the columns of a probe cell that have numbers, by what its summaries and params say."""
    if not any(name.startswith("probe@") for name in stages):
        return []
    refused = [summary.get("control", {}).get("refused") for summary in summaries]
    names = ["control_accuracy"] if None in refused or not refused else []
    return [*names, "untrained", *(["codelength"] if params.get("probe", {}).get("codelength") is True else [])]


def _datasets(root: Path, datasets: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return where each dataset is from, and a warning for those whose card is not there."""
    cards = {name: root / "data/examples" / name / "card.json" for name in datasets}
    missing = [name for name, card in cards.items() if not card.is_file()]
    about = {
        name: _of_spec(root, name) if name in missing else dataset_origin(read_json(cards[name])) for name in cards
    }
    what = f"no card in data/examples of {listing(missing)}: what is said of them is from their specs, "
    return about, [f"{what}without the hash of the source; make cards with `dvc repro`"] if missing else []


def _of_spec(root: Path, dataset: str) -> dict[str, Any]:
    """Return where a dataset is from by its spec, which git has, unlike the card."""
    try:
        spec = load_spec(root / f"data/specs/{dataset}.yaml")
    except DataError:
        return dict(NOT_KNOWN)
    given = {key: value for key, value in dataclasses.asdict(spec.source).items() if value is not None}
    return dataset_origin({"source": given, "licence": spec.licence, "citation": spec.citation})


def _hashes(root: Path, named: Named) -> dict[str, Any]:
    """Return the hashes of a single file, for a reader without DVC."""
    path = root / named.path
    return {"file": {name: file_hash(path, name) for name in ("md5", "sha256")}} if path.is_file() else {}


def _doubts(root: Path, stages: Mapping[str, Stage], used: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    """Return what stands between the output and a reader who wants to make it again."""
    doubts = []
    if changed := changed_code(root, stages):
        doubts.append(f"changed since it was made: {listing(changed)}; run `dvc repro`, so that code and result agree")
    if differing := _differing(used, params):
        doubts.append(f"params.yaml now has other values: {listing(differing)}; run `dvc repro`")
    if (state := git(root, "--no-optional-locks", "status", "--porcelain", "--", LOCK)) is None:
        doubts.append("not in a git repository, or no git: the commit of the code is not known")
    elif state.strip():
        doubts.append("dvc.lock is not committed: nobody else can look the hash up; commit it")
    return doubts


def _differing(used: Mapping[str, Any], params: Mapping[str, Any], above: str = "") -> list[str]:
    """Return the dotted keys of recorded params that the file gives another value, or none."""
    found = []
    for key, value in used.items():
        now = params.get(key)
        if isinstance(value, dict) and isinstance(now, dict):
            found += _differing(value, now, f"{above}{key}.")
        elif value != now:
            found.append(f"{above}{key}")
    return found


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
