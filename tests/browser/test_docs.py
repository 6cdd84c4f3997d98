"""`/docs` in a network without an outside: Swagger UI starts, and tries a request out, with what this service sends."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_the_description_is_shown_and_tried_out(
    browser: Browser, service_url: str, photographs: dict[str, Path]
) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{service_url}docs")
    operation = page.locator(".opblock", has_text="/v1/palsy/grade")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("input[type=file]").set_input_files(photographs["good"])
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response-col_status")
    answer.filter(has_text="200").first.wait_for(timeout=20_000)
    page.close()
    assert complaints == []
    assert all(url.startswith((service_url, "data:", "blob:")) for url in asked), asked
