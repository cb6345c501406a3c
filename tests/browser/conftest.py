"""A browser that starts once a file of tests, and the page of a made-up run opened in it from disk."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pipeline.params import load_params
from pipeline.report.page import render_page
from pipeline.report.provenance import provenance
from pipeline.stages.report import read_atlas
from tests.browser.watching import Seen, watch
from tests.pipeline.report.made_up import make_run

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DESKTOP = {"width": 1400, "height": 900}
JUMPING = {"reduced_motion": "reduce"}  # a click while the page still glides to a place would miss what it is meant for
PATIENCE = 10_000  # ms until what should come is taken for missing


@dataclass(frozen=True)
class Visit:
    """A page that was opened, what it did since, and the folder of the run it shows."""

    page: Page
    seen: Seen
    root: Path


def find_chromium(names: tuple[str, ...] = NAMES) -> str:
    """Return the program; skip the test where there is none, or fail it where a browser is required."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        reason = "no Chromium found; on Debian: apt-get install chromium"
        if os.environ.get("HEAD_ATLAS_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


# One a file: with one a session, its event loop would still run during the tests of other folders.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a context without a network, and closes it after the test."""
    contexts = []

    def build(**options: Any) -> BrowserContext:
        context = browser.new_context(offline=True, **{"viewport": DESKTOP} | JUMPING | options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context

    yield build
    for context in contexts:
        context.close()


@pytest.fixture
def visit(new_context: Callable[..., BrowserContext], made_up: Path) -> Iterator[Callable[..., Visit]]:
    """Opens the page of a run; the test fails if the page ever complains or asks for more than itself."""
    visits = []

    def go(root: Path = made_up, fragment: str = "", **options: Any) -> Visit:
        context = new_context(**options)
        seen = watch(context)
        page = context.new_page()
        page.goto((root / "results/report/index.html").as_uri() + fragment)
        visits.append(Visit(page, seen, root))
        return visits[-1]

    yield go
    for each in visits:
        assert each.seen.complaints == []
        assert {address.split("#")[0] for address in each.seen.requests} == {
            (each.root / "results/report/index.html").as_uri()
        }


def write_page(root: Path) -> Path:
    """Write the page of the run in a folder, without the figures that take seconds; return the folder."""
    with chdir(root):
        atlas = read_atlas(load_params(Path("params.yaml")))
        html = render_page(atlas, provenance(atlas, Path()))
    page = root / "results/report/index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(html, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up run of one model; change nothing in it."""
    root = tmp_path_factory.mktemp("made_up")
    make_run(root)
    return write_page(root)


@pytest.fixture(scope="session")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up run of two models; change nothing in it."""
    root = tmp_path_factory.mktemp("two_models")
    make_run(root, models=("minilm", "other-model"), layers=3, heads=4)
    return write_page(root)
