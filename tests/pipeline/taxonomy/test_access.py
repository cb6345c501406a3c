"""The taxonomy read back in Python."""

from pathlib import Path

import pytest

from pipeline.access import load_taxonomy
from pipeline.errors import PipelineError
from probes.schema import TABLES
from tests.pipeline.taxonomy.project import (
    OUT,
    run,
)


def test_python_reads_what_the_stage_wrote_typed_as_the_schema_says(project: Path) -> None:
    run()
    taxonomy = load_taxonomy(OUT)
    assert taxonomy.heads["label"].tolist() == ["unassigned", "polyfunctional", "unassigned", "semantic"]
    assert taxonomy.heads["rung"].sum() == 3 and taxonomy.heads["stable"].all()
    assert len(taxonomy.scores) == 12 and taxonomy.scores["share"].max() == pytest.approx(0.8)
    assert len(taxonomy.phases) == 40
    for name, columns in TABLES.items():
        assert list(getattr(taxonomy, name)) == list(columns)
        assert list(taxonomy.schema[name]["columns"]) == list(columns)
    assert all(about["description"] for table in taxonomy.schema.values() for about in table["columns"].values())


def test_python_refuses_tables_that_are_not_those_of_the_schema(project: Path) -> None:
    with pytest.raises(PipelineError, match=r"schema.json"):
        load_taxonomy(OUT)
    run()
    heads = OUT / "heads.csv"
    heads.write_text(heads.read_text(encoding="utf-8").replace("label", "lable"), encoding="utf-8")
    with pytest.raises(
        PipelineError, match=r"heads.csv: columns model, .*lable.*; its schema.json says model, .*label"
    ):
        load_taxonomy(OUT)
    heads.unlink()
    with pytest.raises(PipelineError, match=r"heads.csv: no such file; make it again"):
        load_taxonomy(OUT)
