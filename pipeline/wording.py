"""How a citation reads: the sentence for a methods section, and what `pipeline.cite` prints."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report.latex import escape

IDENTITY = ("source", "revision", "weights_sha256")  # of a model
SHORT = 12  # hexadecimal digits of a commit or hash in a sentence
NAMED = 6  # datasets that a sentence names one by one
WHAT = {
    "examples": "The examples of {datasets} were prepared with {software}",
    "extract": "The outputs of all attention heads of {models} on {datasets} were extracted with {software}",
    "probe": "Probes of all attention heads of {models} on {datasets} were trained with {software}",
    "transfer": "Probes of all attention heads of {models} were tested across {datasets} with {software}",
    "taxonomy": "The attention heads of {models} were classed by probes on {datasets} with {software}",
    "report": "The attention heads of {models} were probed on {datasets}, classed and reported with {software}",
}


def methods_sentence(record: Mapping[str, Any]) -> str:
    """Return a sentence or two for the methods section of a paper.

    Args:
        record: What `pipeline.cite.cite` found.
    """
    kind = record["stage"].split("@")[0]
    models = [_model(slug, about) for slug, about in record["models"].items()]
    named = {"models": " and ".join(models), "datasets": _datasets(record), "software": _software(record)}
    hashes = [f"{out['path']} (MD5 {out['md5']})" for out in record["outputs"]]
    how = listed(list(_how(kind, record["params"])))
    made = f"Results are those of stage {record['stage']}: {', '.join(hashes)}."
    return f"{WHAT.get(kind, 'Made with {software}').format_map(named)}{f', using {how}' if how else ''}. {made}"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a sentence lists them.

    Args:
        parts: Words.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


def _model(slug: str, about: Mapping[str, Any]) -> str:
    facts = [str(about.get("source") or "source unknown")]
    facts += [f"revision {about['revision']}"] if about.get("revision") else []
    facts += [f"weights SHA-256 {str(about['weights_sha256'])[:SHORT]}"] if about.get("weights_sha256") else []
    return f"{slug} ({', '.join(facts)})"


def _datasets(record: Mapping[str, Any]) -> str:
    names = list(record["datasets"])
    what = "the dataset" if len(names) == 1 else f"{len(names)} datasets"
    if len(names) == 1:
        return f"{what} {names[0]} (licence {record['datasets'][names[0]]['licence']})"
    return f"{what} ({', '.join(names)})" if len(names) <= NAMED else what


def _software(record: Mapping[str, Any]) -> str:
    commit = record["code_commit"]
    state = ", with uncommitted changes" if record["code_dirty"] is True else ""
    return f"Head Atlas (commit {commit if commit == 'unknown' else commit[:SHORT]}{state})"


def _how(kind: str, params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the numbers that a methods section has to state."""
    examples, probe, taxonomy = (params.get(name) or {} for name in ("examples", "probe", "taxonomy"))
    if "folds" in examples:
        yield f"{examples['folds']} grouped folds (seed {examples.get('seed')})"
    if kind in ("examples", "extract"):
        return
    if "controls" in probe:
        yield f"{probe['controls']} control tasks"
    if "permutations" in probe:
        yield f"{probe['permutations']:,} permutations (p-values family-wise over heads)"
    if "bootstrap" in probe:
        yield f"{100 * probe['confidence']:g} % intervals from {probe['bootstrap']:,} cluster-bootstrap replicates"
    if "alpha" in taxonomy:
        yield f"labels from rung {taxonomy['label_rung']} of the evidence at alpha {taxonomy['alpha']}"


def as_text(record: Mapping[str, Any]) -> str:
    """Return a citation for a person to read and copy from.

    Args:
        record: What `pipeline.cite.cite` found.
    """
    blocks = [
        "\n".join(f"WARNING: {text}" for text in record["warnings"]),
        "\n".join(f"{name:<10} {text}" for name, text in _lines(record)),
        f"For a methods section:\n\n{record['sentence']}",
        f"In LaTeX:\n\n{escape(record['sentence'])} \\cite{{{','.join(record['keys'])}}}",
        record["bibtex"].rstrip(),
    ]
    text = "\n\n".join(block for block in blocks if block) + "\n"
    # a licence or a citation may hold what a terminal would obey
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _lines(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "output", record["path"]
    yield "stage", f"{record['stage']}: {record['command']}"
    for out in record["outputs"]:
        found = "as on disk" if out["same"] else f"on disk: {out['md5_on_disk'] or 'not there'}"
        yield "content", f"{out['path']} md5 {out['md5']} ({found})"
    if "file" in record:
        yield "file", f"md5 {record['file']['md5']}, sha256 {record['file']['sha256']}"
    dirty = {True: "with uncommitted changes", False: "clean"}.get(record["code_dirty"], "state unknown")
    yield "code", f"commit {record['code_commit']} of {record['code_date']}, {dirty}"
    for section, values in record["params"].items():
        if section not in ("models", "datasets"):  # said below
            yield "params", f"{section}: {_flat(values)}"
    for slug, about in record["models"].items():
        yield "model", f"{slug}: {_flat({key: about.get(key) or 'not known' for key in IDENTITY})}"
    for name, about in record["datasets"].items():
        source = {key: value for key, value in about["source"].items() if key in ("revision", "sha256")}
        yield "dataset", f"{name}: licence {' '.join(about['licence'].split())}{'; ' * bool(source)}{_flat(source)}"
    yield "libraries", f"{_flat(record['libraries'])} (installed here)"


def _flat(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
