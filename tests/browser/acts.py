"""What the browser tests do on the page, by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

ANSWER_LIMIT_MS = 60_000
PHOTOGRAPH = "#photograph input[data-field=drop_photo]"
MANY = "#examination input[data-field=drop_many]"


def go_to(page: Page, view: str) -> None:
    page.locator(f".ways a[href='#{view}']").click()
    expect(page.locator(f"#{view}")).to_be_visible()


def grade(page: Page, photo: Path) -> None:
    go_to(page, "photograph")
    page.set_input_files(PHOTOGRAPH, photo)
    expect(page.locator("#photograph .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)


def examine(page: Page, pictures: Iterable[Path]) -> None:
    """All pictures at once, as one drops a folder."""
    go_to(page, "examination")
    page.set_input_files(MANY, list(pictures))
    expect(page.locator(".result")).to_be_visible(timeout=ANSWER_LIMIT_MS)


def assert_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found] == []
    assert page.locator("text=/\\[\\w+\\]/").count() == 0  # no text is missing
