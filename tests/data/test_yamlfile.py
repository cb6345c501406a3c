"""The spec file as YAML: nothing in it that a reader would not see, and what it takes over from others."""

from pathlib import Path

import pytest

from data.errors import DataError
from data.yamlfile import read_yaml


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/base.yaml").write_text("a: 1\nb: {c: 2, d: [3, 4]}\n", encoding="utf-8")
    return tmp_path


def _write(folder: Path, text: str) -> Path:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not valid YAML in UTF-8"),
        ("a: &x 1\nb: *x", r"anchors and aliases are not read; write the value out, or share it with `include:`"),
        ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]", "anchors and aliases are not read"),
        ("a: !!python/object/apply:os.getcwd []", "the tag .*os.getcwd is not read"),
        ("a: !!binary aGk=", "the tag .*binary is not read"),
        ("a: 1\nb: 2\na: 3", "the key 'a' occurs twice"),
        ("a: {b: 1, b: 2}", "the key 'b' occurs twice"),
        ("a: 2026-99-99", "month must be in 1..12"),
        ("? [a]\n: 1", "found unhashable key"),
        ("[" * 3000, "lists or mappings are nested too deep"),
        ("- a", r"x.yaml: expected `key: value` lines, got \['a'\]"),
        ("", "expected `key: value` lines, got None"),
        ("a: " + "x" * 1_000_001, "1000004 bytes are no spec"),
        ("include: ../x.yaml", "expected a .yaml file in the folder of the spec or below it.*got '../x.yaml'"),
        ("include: /etc/x.yaml", "expected a .yaml file in the folder of the spec"),
        ("include: shared/base.txt", "expected a .yaml file in the folder of the spec"),
        ("include: 3", "include: expected text, got 3"),
        ("include: shared/bas.yaml", r"bas.yaml: no such file; .*has base.yaml; did you mean 'base.yaml'\?"),
        ("include: x.yaml", "include: .*x.yaml includes .*x.yaml; at most 5 files, none of them twice"),
    ],
)  # fmt: skip
def test_refusals(folder: Path, text: str, message: str) -> None:
    path = _write(folder, text)
    with pytest.raises(DataError, match=rf"(?s){message}"):
        read_yaml(path)


def test_bytes_that_are_not_utf8_are_refused(folder: Path) -> None:
    (folder / "x.yaml").write_bytes(b"a: \xff")
    with pytest.raises(DataError, match=r"x.yaml: not valid YAML in UTF-8"):
        read_yaml(folder / "x.yaml")


def test_a_folder_is_no_spec(folder: Path) -> None:
    with pytest.raises(DataError, match="shared: cannot be read: Is a directory"):
        read_yaml(folder / "shared")


def test_mappings_are_merged_and_the_rest_is_replaced(folder: Path) -> None:
    path = _write(folder, "include: shared/base.yaml\nb: {d: [5], e: 6}\nf: 7")
    assert read_yaml(path) == {"a": 1, "b": {"c": 2, "d": [5], "e": 6}, "f": 7}


def test_an_included_file_may_include(folder: Path) -> None:
    (folder / "shared/more.yaml").write_text("include: shared/base.yaml\na: 8", encoding="utf-8")
    assert read_yaml(_write(folder, "include: shared/more.yaml"))["a"] == 8


def test_two_files_that_include_each_other_are_refused(folder: Path) -> None:
    (folder / "shared/one.yaml").write_text("include: shared/two.yaml", encoding="utf-8")
    (folder / "shared/two.yaml").write_text("include: shared/one.yaml", encoding="utf-8")
    with pytest.raises(DataError, match=r"one.yaml includes .*two.yaml includes .*one.yaml"):
        read_yaml(_write(folder, "include: shared/one.yaml"))
