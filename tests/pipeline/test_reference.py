"""The page of all columns is the one that its command writes."""

from pathlib import Path

import pytest

from pipeline.columns import FILES, File
from pipeline.errors import PipelineError
from pipeline.reference import main, reference

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_command_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    main([])
    written = (tmp_path / "docs/columns.md").read_bytes()
    assert written == (ROOT / "docs/columns.md").read_bytes(), "run `python -m pipeline.reference`"
    assert capsys.readouterr().out == f"docs/columns.md: {len(FILES)} files\n"


def test_elsewhere_the_command_says_where_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=r"no folder docs/ in .*; run this in the top folder of the project"):
        main([])


def test_a_table_has_types_and_other_files_have_none() -> None:
    table = File("a/<b>.csv", "one row for x", {"layer": "0-based", "c": "a | b", "odd": "x"}, {"odd": "list"})
    keys = File("a/b.json", "facts", {"layer": "0-based"}, None)
    text = reference([table, keys])
    assert "## `a/<b>.csv`\n\nOne row for x.\n" in text
    for line in ("| `layer` | integer | 0-based |", "| `c` | number | a \\| b |", "| `odd` | list | x |"):
        assert line in text.splitlines()
    assert "| key | meaning |\n|---|---|\n| `layer` | 0-based |" in text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_every_description_says_something(file: File) -> None:
    assert file.columns and all(text.strip() and not text.endswith(".") for text in file.columns.values())
    assert set(file.kinds or ()) <= set(file.columns)
