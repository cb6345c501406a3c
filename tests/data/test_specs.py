"""The specs that ship: each can be read; which are bundled and which are for public sets."""

from collections import Counter
from pathlib import Path

import pytest

from data.generated.suite import GENERATORS
from data.places import FileSource, GeneratorSource, HubSource
from data.spec import FAMILIES, DatasetSpec, load_spec

FOLDER = Path(__file__).parents[2] / "data/specs"
PATHS = sorted(FOLDER.glob("*.yaml"))
SETS = {"ag", "azaria", "bless", "blimp", "cola", "fever", "got", "known", "lre", "mmlu", "senteval", "sst2",
        "truthfulqa", "ud", "wic"}  # fmt: skip


@pytest.fixture(scope="module")
def specs() -> dict[str, DatasetSpec]:
    return {path.stem: load_spec(path) for path in PATHS}


def test_every_generator_has_a_spec_of_its_name(specs: dict[str, DatasetSpec]) -> None:
    bundled = {name: spec.source for name, spec in specs.items() if isinstance(spec.source, GeneratorSource)}
    assert {name: source.generator for name, source in bundled.items()} == {name: name for name in GENERATORS}


def test_every_family_is_bundled(specs: dict[str, DatasetSpec]) -> None:
    families = Counter(specs[name].family for name in GENERATORS)
    assert set(families) == set(FAMILIES)
    assert min(families.values()) >= 3
    assert len(GENERATORS) >= 20


def test_the_public_sets_are_there_by_hub_and_by_folder(specs: dict[str, DatasetSpec]) -> None:
    named = {name: spec for name, spec in specs.items() if name.split("_")[0] in SETS}  # others are a reader's own
    public = {name: spec for name, spec in named.items() if name not in GENERATORS}
    assert {name.split("_")[0] for name in public} == SETS
    for name, spec in public.items():
        assert isinstance(spec.source, FileSource if name.endswith("_files") else HubSource)
        assert not isinstance(spec.source, FileSource) or spec.source.place.startswith("data/public/")


def test_a_paradigm_of_blimp_is_four_lines(specs: dict[str, DatasetSpec]) -> None:
    names = [name for name, spec in specs.items() if name.startswith("blimp_") and isinstance(spec.source, HubSource)]
    assert len(names) == 67
    assert all(len((FOLDER / f"{name}.yaml").read_text().splitlines()) == 4 for name in names)
    assert all(specs[name].feature == name == f"blimp_{specs[name].source.config.lower()}" for name in names)


def test_a_feature_has_one_family(specs: dict[str, DatasetSpec]) -> None:
    families = {(spec.feature, spec.family) for spec in specs.values()}
    assert len(families) == len({feature for feature, _ in families})
