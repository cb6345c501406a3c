"""Find a model's files, refuse what cannot be loaded safely, and hash its weights. Needs no torch."""

import hashlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError

PACKAGE = "package:"
COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
READABLE = ("*.json", "*.txt", "*.model")  # config and tokenizer: what is fetched to read texts without the weights
WANTED = (*READABLE, "*.safetensors")  # no pickle, no Python, nothing else from the hub
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True)
class ModelEntry:
    """One entry of `models:` in params.yaml.

    Attributes:
        source: Hub id, folder in Hugging Face format, or `package:<module>/<folder>`.
        revision: Commit of the source; needed for a hub id, recorded for the others.
        sha256: What `weights_sha256` must give, or None to accept any weights and record their hash.
    """

    source: str
    revision: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A folder that holds config, tokenizer and safetensors weights.

    Attributes:
        folder: Where the files lie on this machine; never written to a result.
        source: As the user gave it.
        revision: As the user gave it.
        sha256: Hash of the weights, see `weights_sha256`; empty from `find_tokenizer`, which does not look at them.
    """

    folder: Path
    source: str
    revision: str | None
    sha256: str


def find_checkpoint(slug: str, entry: ModelEntry) -> Checkpoint:
    """Return the checked files of one model.

    Args:
        slug: Key under `models:`, for messages.
        entry: Where the model is.

    Raises:
        PipelineError: If the source is not there, a hub id has no pinned revision, a file is missing, only pickled
            weights are there, or the weights differ from the pinned hash.
    """
    place = f"params.yaml: models.{slug}"
    folder = _locate(place, entry, WANTED)
    _check_readable(f"{place}: {entry.source}", folder)
    _check_weights(f"{place}: {entry.source}", folder)
    found = weights_sha256(folder)
    if entry.sha256 is not None and entry.sha256 != found:
        raise PipelineError(
            f"{place}.sha256: the weights in {entry.source} hash to {found}, pinned is {entry.sha256}; restore the "
            "pinned weights, or pin the new hash if the change is meant"
        )
    return Checkpoint(folder, entry.source, entry.revision, found)


def find_tokenizer(slug: str, entry: ModelEntry) -> Checkpoint:
    """Return the config and tokenizer of one model; its weights are neither fetched nor hashed nor needed.

    Args:
        slug: Key under `models:`, for messages.
        entry: Where the model is.

    Raises:
        PipelineError: If the source is not there, a hub id has no pinned revision, or a file is missing.
    """
    place = f"params.yaml: models.{slug}"
    folder = _locate(place, entry, READABLE)
    _check_readable(f"{place}: {entry.source}", folder)
    return Checkpoint(folder, entry.source, entry.revision, sha256="")


def weights_sha256(folder: Path) -> str:
    """Return the SHA-256 of a folder's safetensors weights as hex.

    One file: the hash of its bytes. Several shards: the hash of the lines `<sha256>  <name>`, sorted by name, which is
    what `sha256sum *.safetensors | sha256sum` prints.

    Args:
        folder: Holds at least one `*.safetensors` file.
    """
    lines = [(path.name, _file_sha256(path)) for path in sorted(folder.glob("*.safetensors"))]
    if len(lines) == 1:
        return lines[0][1]
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in lines).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _locate(place: str, entry: ModelEntry, wanted: Sequence[str]) -> Path:
    if entry.source.startswith(PACKAGE):
        return _package_folder(place, entry.source.removeprefix(PACKAGE))
    folder = Path(entry.source).expanduser()
    if folder.is_dir():
        return folder
    if entry.source.startswith((".", "/", "~")) or not HUB_ID.fullmatch(entry.source):
        raise PipelineError(f"{place}.source: {entry.source} is not a folder; give one, or a hub id such as gpt2")
    return _download(place, entry, wanted)


def _package_folder(place: str, name: str) -> Path:
    """Return a folder inside an installed package, without importing the package."""
    module, _, below = name.partition("/")
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise PipelineError(f"{place}.source: no installed package {module!r}; install requirements.lock first")
    folder = Path(spec.submodule_search_locations[0]) / below
    if not folder.is_dir():
        raise PipelineError(f"{place}.source: the package {module!r} has no folder {below!r}")
    return folder


def _download(place: str, entry: ModelEntry, wanted: Sequence[str]) -> Path:
    if entry.revision is None or not COMMIT.fullmatch(entry.revision):
        raise PipelineError(
            f"{place}.revision: the hub id {entry.source} needs a pinned revision, got {entry.revision!r}; write the "
            f"40 hexadecimal digits that `git ls-remote https://huggingface.co/{entry.source} HEAD` prints, so that "
            "the results keep naming the same weights (or give a folder; a relative one starts with ./)"
        )
    from huggingface_hub import snapshot_download  # only a hub source pays for this import
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(entry.source, revision=entry.revision, allow_patterns=list(wanted)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise PipelineError(
            f"{place}.source: {entry.source} at {entry.revision} could not be fetched from the hub ({error}); check "
            "the id and the revision, or download it elsewhere and give the folder"
        ) from None


def _check_readable(place: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise PipelineError(f"{place}: no config.json; a model folder in Hugging Face format has one (save_pretrained)")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise PipelineError(
            f"{place}: no tokenizer; expected one of {', '.join(TOKENIZERS)} (tokenizer.save_pretrained)"
        )


def _check_weights(place: str, folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise PipelineError(
            f"{place}: only pickled weights ({', '.join(pickles[:5])}), which can run code when loaded; convert them "
            "in a place you trust: AutoModel.from_pretrained(folder).save_pretrained(new_folder) writes safetensors"
        )
    raise PipelineError(f"{place}: no weights; expected *.safetensors")
