"""dvc.lock: what it records, who wrote what from what, and hashes equal to DVC's own."""

from pathlib import Path

import pytest
import yaml
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs.local import LocalFileSystem

from pipeline.errors import PipelineError
from pipeline.lock import Item, Stage, content_md5, grid, own_code, parents, parse_lock, read_lock, upstream, writers


def item(path: str) -> Item:
    return Item(path, "0" * 32, 1)


def stage(name: str, deps: tuple[str, ...], outs: tuple[str, ...]) -> Stage:
    return Stage(name, f"run {name}", tuple(map(item, deps)), {}, tuple(map(item, outs)))


CHAIN = {
    made.name: made
    for made in (
        stage("report", ("data/examples", "results/probes", "report.py"), ("results/report", "results/metrics.json")),
        stage("examples@a", ("data/specs/a.yaml",), ("data/examples/a/texts.parquet", "data/examples/a/card.json")),
        stage("examples@b", ("data/specs/b.yaml",), ("data/examples/b/texts.parquet",)),
        stage("probe@m-a", ("data/examples/a/texts.parquet", "probe.py"), ("results/probes/m/a",)),
        stage("check@m-a", ("results/probes/m/a/heads.parquet",), ("results/check/m/a",)),
    )
}


def by_dvc(path: Path, scratch: Path) -> str:
    files = LocalFileSystem()
    _, _, built = build(HashFileDB(files, str(scratch)), str(path), files, "md5", dry_run=True)
    return str(built.hash_info.value)


def test_a_hash_is_the_one_of_dvc(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for name in ("a/b", "a.b", "a-b/c", "ä ö/é x.txt", "z", "empty", "deep/er/and/deeper.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"" if name == "empty" else name.encode() * 5)
    whole, one = content_md5(folder), content_md5(folder / "a/b")
    assert whole == by_dvc(folder, tmp_path / "db")
    assert one == by_dvc(folder / "a/b", tmp_path / "db")
    assert str(whole).endswith(".dir")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/x.pyc").write_text("left out by .dvcignore")
    assert content_md5(folder) == whole
    (folder / "z").write_text("changed")
    assert content_md5(folder) not in (whole, None)
    assert content_md5(tmp_path / "nothing") is None


def test_an_empty_folder_has_the_hash_of_dvc(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert content_md5(tmp_path / "out") == by_dvc(tmp_path / "out", tmp_path / "db")


def test_upstream_is_whatever_a_stage_was_made_from() -> None:
    assert list(upstream(CHAIN, "probe@m-a")) == ["examples@a", "probe@m-a"]
    assert list(upstream(CHAIN, "check@m-a")) == ["examples@a", "probe@m-a", "check@m-a"]  # by a file in an output
    assert list(upstream(CHAIN, "report")) == ["report", "examples@a", "examples@b", "probe@m-a"]  # by folders above
    assert list(upstream(CHAIN, "examples@b")) == ["examples@b"]


def test_code_is_what_no_stage_wrote() -> None:
    chain = {name: made for name, made in CHAIN.items() if not name.startswith("check")}
    assert list(own_code(chain)) == ["data/specs/a.yaml", "data/specs/b.yaml", "probe.py", "report.py"]
    assert "results/probes/m/a/heads.parquet" not in own_code(CHAIN)  # in an output


def test_writers_know_files_and_the_folders_above_them() -> None:
    found = writers(CHAIN)
    assert found["data/examples"] == {"examples@a", "examples@b"}
    assert found["results/probes/m/a"] == {"probe@m-a"}
    assert "results/probes/m/a/heads.parquet" not in found
    assert parents("a") == []


def test_the_grid_is_every_stage_of_a_run() -> None:
    assert grid(["m"], ["a", "b"]) == {
        *("examples@a", "examples@b", "extract@m-a", "extract@m-b", "probe@m-a", "probe@m-b"),
        *("transfer@m", "taxonomy@m", "report"),
    }


def test_a_lock_is_read_as_dvc_writes_it(tmp_path: Path) -> None:
    block = {
        "cmd": "python -m x", "params": {"params.yaml": {"probe": {"seed": 0}}},
        "deps": [{"path": "x.py", "hash": "md5", "md5": "1" * 32, "size": 3}],
        "outs": [{"path": "out", "hash": "md5", "md5": "2" * 32 + ".dir", "size": 9, "nfiles": 2}],
    }  # fmt: skip
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"x@a": block}}))
    found = read_lock(tmp_path / "dvc.lock")["x@a"]
    assert (found.name, found.command, found.params) == ("x@a", "python -m x", {"params.yaml": {"probe": {"seed": 0}}})
    assert found.deps == (Item("x.py", "1" * 32, 3),)
    assert found.outs == (Item("out", "2" * 32 + ".dir", 9),)


def test_the_lock_of_this_project_is_read() -> None:
    found = read_lock(Path(__file__).parents[2] / "dvc.lock")
    assert found["report"].outs and "results/report" in {made.path for made in found["report"].outs}


@pytest.mark.parametrize(
    "text",
    [
        "{", "- list", "stages: [1]", "stages: {a: 1}", "stages: {a: {cmd: x, outs: [{path: y}]}}", "text",
        "<<<<<<< HEAD\nstages: {}\n=======\nstages: {a: {}}\n>>>>>>> other\n", "stages: {a: {deps: []}}", "\x00",
        "stages: {a: {cmd: x, outs: [{path: y, md5: z, size: many}]}}", "!!python/object/apply:os.getcwd []",
    ],
)  # fmt: skip
def test_a_damaged_lock_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(PipelineError, match=r"dvc\.lock: not a lock file of DVC; restore it: `git checkout dvc.lock`"):
        read_lock(tmp_path / "dvc.lock")


def test_a_lock_that_is_not_text_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"no such file, so nothing is known of any output; `dvc repro` writes it"):
        read_lock(tmp_path / "dvc.lock")
    (tmp_path / "dvc.lock").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PipelineError, match="not a lock file"):
        read_lock(tmp_path / "dvc.lock")
    assert parse_lock("") == {}
