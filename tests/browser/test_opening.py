"""The page opens from disk, asks for nothing and complains of nothing; and what watches it would see if it did."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Visit, find_chromium
from tests.browser.watching import watch

INLINE = "document.body.append(Object.assign(document.createElement('script'), {textContent: 'alert(1)'}))"


def test_the_page_opens_without_a_complaint_or_a_request(visit: Callable[..., Visit], made_up: Path) -> None:
    opened = visit()
    expect(opened.page).to_have_title("Head Atlas: What each attention head of minilm linearly encodes")
    expect(opened.page.locator(".detail")).to_contain_text("of minilm")  # so the script ran to its end
    opened.page.wait_for_load_state("networkidle")
    assert opened.seen.complaints == []
    assert opened.seen.requests == [(made_up / "results/report/index.html").as_uri()]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("console.error('out of order')", "console error: out of order"),
        ("console.warn('going to be out of order')", "console warning: going to be out of order"),
        ("setTimeout(() => { throw new Error('out of order'); })", "out of order"),
        ("Promise.reject(new Error('out of order'))", "out of order"),
        ("alert('hello')", "dialog: hello"),
        ("setTimeout(() => eval('1'))", "refused by the policy of the page: script-src"),
        (INLINE, "refused by the policy of the page: script-src-elem inline"),
        ("document.body.style.backgroundImage = 'url(http://example.invalid/a.png)'", "policy of the page: img-src"),
        ("fetch('http://example.invalid/')", "refused by the policy of the page: connect-src"),
        ("document.body.appendChild(document.createElement('iframe')).src = 'http://example.invalid/'", "frame-src"),
    ],
)
def test_what_a_page_does_wrong_is_seen(
    new_context: Callable[..., BrowserContext], made_up: Path, fault: str, told: str
) -> None:
    context = new_context()
    seen = watch(context)
    page = context.new_page()
    page.goto((made_up / "results/report/index.html").as_uri())
    assert seen.complaints == []
    page.evaluate(f"() => {{ {fault}; }}")
    for _ in range(100):
        if any(told in complaint for complaint in seen.complaints):
            break
        page.wait_for_timeout(20)
    assert told in "\n".join(seen.complaints)


def test_a_request_is_seen(new_context: Callable[..., BrowserContext], tmp_path: Path) -> None:
    file = tmp_path / "asking.html"
    file.write_text("<!DOCTYPE html><link rel=icon href=data:,><img src=http://example.invalid/a.png><img src=b.png>")
    context = new_context()
    seen = watch(context)
    context.new_page().goto(file.as_uri())
    beside = (tmp_path / "b.png").as_uri()
    assert sorted(seen.requests) == sorted([file.as_uri(), "http://example.invalid/a.png", beside])
    assert any("ERR_INTERNET_DISCONNECTED" in complaint for complaint in seen.complaints)


def test_without_chromium_the_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEAD_ATLAS_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no Chromium found; on Debian: apt-get install chromium"):
        find_chromium(("no-such-browser",))


def test_where_a_browser_is_required_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEAD_ATLAS_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match=r"no Chromium found; on Debian: apt-get install chromium"):
        find_chromium(("no-such-browser",))


def test_a_browser_that_is_there_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep)
    assert find_chromium() == str(program)
