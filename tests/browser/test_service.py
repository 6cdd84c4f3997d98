"""The page before a service that is published under a path, or that is stopped and started again."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.acts import ANSWER_LIMIT_MS, examine
from tests.browser.running import free_port, running_service, watched_page

pytestmark = pytest.mark.browser


def test_the_page_works_under_a_path(browser: Browser, session_pictures: dict[str, Path]) -> None:
    with (
        running_service(free_port(), HTNET_ROOT_PATH="/clinic/face") as url,
        # The service answers without the path too, so every request is watched: each must keep it.
        watched_page(browser, f"{url}clinic/face/") as page,
    ):
        expect(page.locator(".home-ways a")).to_have_count(4)
        examine(page, session_pictures.values())
        expect(page.locator(".pose-card.filled")).to_have_count(8)
        page.locator(".foot a").click()
        expect(page).to_have_url(f"{url}clinic/face/docs")
        expect(page.locator(".opblock", has_text="/v1/palsy/grade").first).to_be_visible(timeout=ANSWER_LIMIT_MS)


def test_a_service_that_is_stopped_and_started_loses_no_picture(
    browser: Browser, session_pictures: dict[str, Path]
) -> None:
    port = free_port()
    with ExitStack() as stack:
        with running_service(port) as url:
            page = stack.enter_context(watched_page(browser, url))
            examine(page, session_pictures.values())
        # Stopped: the next send says so, and the pictures stay.
        page.locator("#examine").click()
        problem = page.locator("#examination > .problem").last
        expect(problem).to_contain_text("does not answer", timeout=ANSWER_LIMIT_MS)
        expect(page.locator(".pose-card.filled")).to_have_count(8)
        with running_service(port):
            with page.expect_response("**/v1/palsy/assess**", timeout=ANSWER_LIMIT_MS) as answer:
                page.locator("#examination .again").click()
            assert answer.value.status == 200
            expect(problem).to_be_hidden()
            expect(page.locator(".result .grade .headline")).to_have_text("Grade IV", timeout=ANSWER_LIMIT_MS)
            expect(page.locator(".pose-card.filled")).to_have_count(8)
