"""What the pages say of the project in words and numbers is so."""

import re
from collections import Counter

import pytest

import probes.intervals
import probes.null
import probes.turned
from data.card import build_card
from data.examples import build_examples
from data.findings import classes, finding, neighbours, twins
from data.generated.suite import GENERATORS
from data.sources import read_source
from data.spec import load_spec
from pipeline.report.references import MEASURED, METHODS
from tests.docs import pages
from tests.planted.project import planted

# How many blocks of YAML a page has, each proved by a test: the README's and the models' in tests/test_docs.py, those
# of datasets.md there, too, the tutorial's in test_tutorial.py, that of published.md below.
YAML = {"README.md": 2, "docs/datasets.md": 5, "docs/models.md": 1, "docs/published.md": 1, "docs/tutorial.md": 4}


def words(page: str) -> str:
    return " ".join(pages.read(pages.ROOT / page).split())


def test_no_block_of_yaml_is_without_a_proof():
    found = {pages.name(page): len(pages.blocks(pages.read(page), "yaml")) for page in pages.PAGES}
    assert {page: count for page, count in found.items() if count} == YAML


def test_every_block_says_what_it_is():
    known = {"sh", "python", "yaml", "text", "math"}
    for page in pages.PAGES:
        fences = re.findall(r"^ *```(\w*)$", pages.read(page), re.MULTILINE)
        opened = Counter(fences[::2])
        tree = 1 if pages.name(page) == "README.md" else 0  # the file tree has no language
        assert opened.pop("", 0) == tree
        assert set(opened) <= known
        assert set(fences[1::2]) <= {""}


def test_the_spec_of_the_published_comparison_is_accepted(tmp_path):
    (block,) = pages.blocks(pages.read(pages.ROOT / "docs/published.md"), "yaml")
    for name in ("senteval_past_present_last.yaml", "shared"):
        (tmp_path / name).symlink_to(pages.ROOT / "data/specs" / name)
    spec = tmp_path / "senteval_past_present_pad.yaml"
    spec.write_text(block, encoding="utf-8")
    assert load_spec(spec).columns.text.names == ["sentence"]


def test_the_number_of_planted_heads_and_features():
    pairs = planted()
    heads, features = ({pair[at] for pair in pairs} for at in (0, 1))
    assert (len(pairs), len(heads), len(features)) == (9, 7, 4)
    assert "plant four features in seven heads" in words("README.md")
    assert "seven of its heads carry four features of three families, in nine pairs" in words("docs/method.md")


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ("93.0 to 97.7 % of true accuracies and 92.5 to 97.9 % of paired margins", probes.intervals.__doc__),
        ("88.5 %", probes.intervals.__doc__),
        ("2 to 8 %", probes.null.max_statistic_null.__doc__),
        ("2 to 7 % of models", probes.turned.__doc__),
    ],
)
def test_what_was_measured_is_what_the_module_says(told, where):
    assert told in words("docs/method.md")
    assert told in " ".join((where or "").split())


def test_the_limits_of_findings_are_those_of_the_code():
    page = words("docs/datasets.md")
    assert f"more than {100 * finding.GAP:g} points of accuracy from the largest class" in page
    assert f"fewer than {classes.RARE} examples" in page
    assert f"from {100 * twins.FEWEST:g} % of the examples on" in page
    near, grouped, few = (f"{100 * share:g} %" for share in (neighbours.ALIKE, neighbours.GROUPED, neighbours.FEW))
    assert f"{near} of words and pairs of words in common, {grouped} where a group is set; a note below {few}" in page


def test_the_method_lists_every_work_that_a_run_cites_for_it_and_no_other():
    listed = words("docs/method.md").split("## References")[1]
    entries = [*(entry for some in METHODS.values() for entry in some), *MEASURED.values()]
    about = re.compile(r"title = \{([^:}]+).*author = \{(\w+),.*year = \{(\d+)}", re.DOTALL)
    told = [match.groups() for match in map(about.search, entries) if match]
    assert len(told) == len(entries) > 8
    lines = listed.split(" - ")
    assert [work for work in told if not any(all(part in line for part in work) for line in lines)] == []
    assert len(lines) - 1 == len({*entries})


@pytest.mark.slow
def test_the_size_of_the_bundled_datasets():
    told = re.search(r"have ([\d,]+) to ([\d,]+) examples in (\d+) to (\d+) groups", words("docs/faq.md"))
    assert told is not None
    low, high, fewest, most = (int(number.replace(",", "")) for number in told.groups())
    for name in GENERATORS:
        spec = load_spec(pages.ROOT / f"data/specs/{name}.yaml")
        raw = read_source(spec, pages.ROOT)
        card = build_card(spec, raw, build_examples(spec, raw.rows, 5, 0), 0.5)
        assert low <= card["n_examples"] <= high
        assert fewest <= card["n_groups"] <= most


def test_the_readme_is_short():
    text = pages.read(pages.ROOT / "README.md").split("<details>")[0]
    assert len(text.split()) < 1300  # five minutes at 260 words a minute


def test_no_page_names_a_folder_of_one_machine():
    for page in pages.PAGES:
        assert re.findall(r"(?:^|[\s`(])/(?:home|tmp|work|root|Users)/", pages.read(page)) == []
