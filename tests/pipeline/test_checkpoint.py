"""Where a model's files come from, what is refused, and the hash of the weights."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml
from huggingface_hub.errors import LocalEntryNotFoundError

from pipeline.checkpoint import Checkpoint, ModelEntry, find_checkpoint, find_tokenizer, weights_sha256
from pipeline.errors import PipelineError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What find_checkpoint looks at: names, and the bytes of the weights."""
    path = tmp_path / "org" / "model"
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "tokenizer.json").write_text("{}")
    (path / "model.safetensors").write_bytes(b"weights")
    return path


@pytest.fixture
def asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the hub was asked for; it answers with `folder`."""
    calls: list[tuple[Any, ...]] = []

    def download(repo: str, *, revision: str, allow_patterns: list[str]) -> str:
        calls.append((repo, revision, allow_patterns))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return calls


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_folder_is_taken_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _sha256(b"weights")
    assert find_checkpoint("m", ModelEntry(str(folder), "v1")) == Checkpoint(folder, str(folder), "v1", expected)
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    for source in ("./model", "model", "~/model"):
        found = find_checkpoint("m", ModelEntry(source))
        assert (found.folder.resolve(), found.source, found.sha256) == (folder, source, expected)


def test_a_folder_in_the_place_of_a_hub_id_needs_no_hub(
    folder: Path, asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent.parent)
    assert find_checkpoint("m", ModelEntry("org/model")).folder == Path("org/model")
    assert asked == []


@pytest.mark.parametrize("source", ["./none", "/none", "../none", "~/none", "a/b/c", "two words", "", "C:\\models"])
def test_a_source_that_is_neither_folder_nor_hub_id_is_refused(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = r"is not a folder; give one, or a hub id" if source else r"no config\.json"  # "" is the folder itself
    with pytest.raises(PipelineError, match=rf"^params\.yaml: models\.m.*{message}"):
        find_checkpoint("m", ModelEntry(source))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", r"no config\.json; a model folder in Hugging Face format has one"),
        (
            "tokenizer.json",
            r"no tokenizer; expected one of tokenizer\.json, vocab\.txt.*\(tokenizer\.save_pretrained\)",
        ),
        ("model.safetensors", r"no weights; expected \*\.safetensors"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(folder: Path, name: str, message: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PipelineError, match=rf"^params\.yaml: models\.m: .*model: {message}"):
        find_checkpoint("m", ModelEntry(str(folder)))


@pytest.mark.parametrize("name", ["vocab.txt", "vocab.json", "tokenizer.model", "spiece.model"])
def test_a_tokenizer_may_have_another_file(folder: Path, name: str) -> None:
    (folder / "tokenizer.json").rename(folder / name)
    assert find_checkpoint("m", ModelEntry(str(folder))).folder == folder


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.pt", "model.pth", "last.ckpt", "model.pkl"])
def test_pickled_weights_are_refused_with_the_way_out(folder: Path, pickle: str) -> None:
    (folder / "model.safetensors").rename(folder / pickle)
    message = rf"only pickled weights \({pickle}\), which can run code when loaded; convert .*save_pretrained"
    with pytest.raises(PipelineError, match=message):
        find_checkpoint("m", ModelEntry(str(folder)))


def test_pickled_weights_beside_safetensors_do_no_harm(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    assert find_checkpoint("m", ModelEntry(str(folder))).sha256 == _sha256(b"weights")


def test_the_hub_is_asked_for_the_pinned_revision_and_no_code(folder: Path, asked: list[tuple[Any, ...]]) -> None:
    found = find_checkpoint("m", ModelEntry("openai-community/gpt2", COMMIT))
    assert found == Checkpoint(folder, "openai-community/gpt2", COMMIT, _sha256(b"weights"))
    ((repo, revision, patterns),) = asked
    assert (repo, revision) == ("openai-community/gpt2", COMMIT)
    names = ["config.json", "model.safetensors", "model-00001-of-00002.safetensors", "merges.txt", "spiece.model"]
    unsafe = ["pytorch_model.bin", "modeling_own.py", "training_args.pt", "flax_model.msgpack", "tf_model.h5", "m.pkl"]
    assert list(huggingface_hub.utils.filter_repo_objects(names + unsafe, allow_patterns=patterns)) == names


def test_a_tokenizer_is_found_without_the_weights(folder: Path, asked: list[tuple[Any, ...]]) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert find_tokenizer("m", ModelEntry(str(folder), "v1")) == Checkpoint(folder, str(folder), "v1", "")
    assert find_tokenizer("m", ModelEntry("gpt2", COMMIT, sha256="of the weights")).folder == folder
    ((_, _, patterns),) = asked
    names = ["config.json", "merges.txt", "spiece.model", "tokenizer.json"]
    assert (
        list(huggingface_hub.utils.filter_repo_objects([*names, "model.safetensors"], allow_patterns=patterns)) == names
    )
    (folder / "tokenizer.json").unlink()
    with pytest.raises(
        PipelineError, match=r"^params\.yaml: models\.m: .*: no tokenizer; expected one of tokenizer\.json"
    ):
        find_tokenizer("m", ModelEntry(str(folder)))


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:12], COMMIT.upper(), COMMIT + "0", ""])
def test_a_hub_id_needs_a_commit_and_is_not_fetched_without(revision: str | None, asked: list[tuple[Any, ...]]) -> None:
    message = rf"^params\.yaml: models\.m\.revision: the hub id gpt2 needs a pinned revision, got {revision!r}; write "
    with pytest.raises(PipelineError, match=message + ".*git ls-remote https://huggingface.co/gpt2 HEAD"):
        find_checkpoint("m", ModelEntry("gpt2", revision))
    assert asked == []


@pytest.mark.parametrize("error", [LocalEntryNotFoundError("no network"), ConnectionError("no network")])
def test_a_failed_download_says_what_to_do(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(PipelineError, match=rf"gpt2 at {COMMIT} could not be fetched .*no network.*give the folder"):
        find_checkpoint("m", ModelEntry("gpt2", COMMIT))


def test_the_hub_itself_is_not_reached_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PipelineError, match=rf"nobody/nothing at {COMMIT} could not be fetched from the hub"):
        find_checkpoint("m", ModelEntry("nobody/nothing", COMMIT))


def test_a_package_is_found_without_being_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder.parent / "weights_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    shutil.move(folder, package / "model")
    monkeypatch.syspath_prepend(folder.parent)
    found = find_checkpoint("m", ModelEntry("package:weights_of_mine/model"))
    assert (found.folder, found.source) == (package / "model", "package:weights_of_mine/model")
    with pytest.raises(PipelineError, match=r"models\.m\.source: the package 'weights_of_mine' has no folder 'other'"):
        find_checkpoint("m", ModelEntry("package:weights_of_mine/other"))


@pytest.mark.parametrize("name", ["not_installed_at_all", "not-a-name", "", "os"])
def test_a_package_that_is_not_installed_is_refused(name: str) -> None:
    with pytest.raises(PipelineError, match=rf"models\.m\.source: no installed package '{name}'; install requirements"):
        find_checkpoint("m", ModelEntry(f"package:{name}/model"))


def test_the_pinned_hash_must_be_that_of_the_weights(folder: Path) -> None:
    pinned = _sha256(b"weights")
    assert find_checkpoint("m", ModelEntry(str(folder), None, pinned)).sha256 == pinned
    (folder / "model.safetensors").write_bytes(b"other weights")
    found = _sha256(b"other weights")
    message = rf"^params\.yaml: models\.m\.sha256: the weights in .* hash to {found}, pinned is {pinned}; restore"
    with pytest.raises(PipelineError, match=message):
        find_checkpoint("m", ModelEntry(str(folder), None, pinned))


def test_the_hash_of_shards_is_what_sha256sum_prints(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    for number in (3, 1, 2):
        (folder / f"model-{number:05d}-of-00003.safetensors").write_bytes(b"shard %d" % number)
    names = [f"model-{number:05d}-of-00003.safetensors" for number in (1, 2, 3)]
    lines = "".join(f"{_sha256(b'shard %d' % number)}  {name}\n" for number, name in enumerate(names, 1))
    assert weights_sha256(folder) == _sha256(lines.encode())
    if shutil.which("sha256sum"):  # the command that the docstring gives, where there is one
        command = ["sh", "-c", "LC_ALL=C sha256sum *.safetensors | LC_ALL=C sha256sum"]
        printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
        assert printed.split()[0] == weights_sha256(folder)


def test_every_shard_and_its_name_count(folder: Path) -> None:
    (folder / "b.safetensors").write_bytes(b"b")
    before = weights_sha256(folder)
    (folder / "b.safetensors").rename(folder / "c.safetensors")
    renamed = weights_sha256(folder)
    (folder / "c.safetensors").write_bytes(b"c")
    assert len({before, renamed, weights_sha256(folder)}) == 3


def test_the_default_model_is_installed_with_the_pinned_weights() -> None:
    pinned = yaml.safe_load((ROOT / "params.yaml").read_text())["models"]["minilm"]
    assert pinned["sha256"] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert find_checkpoint("minilm", ModelEntry(**pinned)).sha256 == pinned["sha256"]
