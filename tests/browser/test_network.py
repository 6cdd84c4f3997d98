"""Networks and operators as they are: slow lines, keys that are changed, proxies that publish below a path."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from service.security.api_keys import new_key
from tests.browser.acts import ANSWER_LIMIT_MS, MANY, PHOTOGRAPH, examine, go_to
from tests.browser.reverse_proxy import stripping_proxy
from tests.browser.running import free_port, running_service, watched_page

pytestmark = pytest.mark.browser
# Chromium's own figures for "slow 3G": bits a second both ways, as bytes.
SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
SLOW_LIMIT_MS = 240_000


def _slow(page: Page) -> None:
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", SLOW_3G)


def test_over_a_slow_network_one_sees_what_is_sent_can_stop_it_and_loses_nothing(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    """Pictures as a telephone takes them: two megabytes, which 50 kB a second carry in longer than a body may take."""
    large = []
    for name, path in session_pictures.items():
        picture = cv2.resize(cv2.imread(str(path)), (1024, 1024), interpolation=cv2.INTER_CUBIC)
        noise = np.random.default_rng(len(large)).integers(0, 24, picture.shape, np.uint8)
        large.append(tmp_path / f"{name}.jpg")
        cv2.imwrite(str(large[-1]), cv2.add(picture, noise), [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert sum(path.stat().st_size for path in large) > 30 * SLOW_3G["uploadThroughput"]
    _slow(page)
    page.reload()
    page.wait_for_selector("html[data-ready]", timeout=SLOW_LIMIT_MS)
    go_to(page, "examination")
    page.set_input_files(MANY, large)
    status = page.locator("#examination .status")
    expect(status).to_contain_text("Sending: ", timeout=ANSWER_LIMIT_MS)
    shares = set()
    while len(shares) < 4:
        shares.add(status.locator("span").inner_text())
        page.wait_for_timeout(500)
    page.locator("#examination .cancel").click()
    expect(status).to_be_empty()
    expect(page.locator(".loose li")).to_have_count(8)
    page.locator("#examine").click()
    expect(page.locator(".result")).to_be_visible(timeout=SLOW_LIMIT_MS)
    expect(page.locator(".pose-card.filled")).to_have_count(8)
    # What is shown stays while it is examined again, and where that is given up.
    page.locator("#examine").click()
    expect(status).to_contain_text("Sending: ")
    expect(page.locator(".result")).to_be_visible()
    page.locator("#examination .cancel").click()
    expect(page.locator(".result")).to_be_visible()
    expect(page.locator(".stale")).to_be_hidden()


def test_a_network_that_changes_while_the_page_loads_leaves_no_empty_page(browser: Browser, service_url: str) -> None:
    page = browser.new_page()
    broken: list[str] = []

    def break_the_first(route: Route) -> None:
        if broken:
            route.continue_()
        else:
            broken.append(route.request.url)
            route.abort("internetdisconnected")

    page.route("**/texts/*.json", break_the_first)
    page.goto(service_url)
    expect(page.locator("#home-title")).to_have_text("What do you have?")
    assert len(broken) == 1
    page.close()


def test_a_key_that_is_changed_in_mid_session_keeps_the_pictures(
    browser: Browser, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    (first, first_line), (second, second_line) = new_key("ward", "user"), new_key("ward", "user")
    keys = tmp_path / "keys"
    keys.write_text(f"{first_line}\n")
    pictures = list(session_pictures.values())
    with (
        running_service(free_port(), HTNET_API_KEYS_FILE=str(keys)) as url,
        watched_page(browser, url) as page,
    ):
        expect(page.locator("#api-key")).to_be_focused()  # asked for at once, not after eight pictures
        _enter_key(page, first)
        examine(page, pictures[:4])
        keys.write_text(f"{second_line}\n")
        page.wait_for_timeout(1500)  # a service looks at the file once a second
        page.set_input_files(MANY, pictures[4:])
        expect(page.locator("#examination > .problem").last).to_contain_text("API key", timeout=ANSWER_LIMIT_MS)
        expect(page.locator(".pose-card.filled")).to_have_count(4)
        expect(page.locator(".loose li")).to_have_count(4)
        expect(page.locator(".result")).to_be_visible()  # of the four, and said to be so
        expect(page.locator(".stale")).to_be_visible()
        expect(page.locator("#api-key")).to_be_focused()
        _enter_key(page, second)
        expect(page.locator(".pose-card.filled")).to_have_count(8, timeout=ANSWER_LIMIT_MS)
        expect(page.locator(".result .grade .headline")).to_have_text("Grade IV")
        expect(page.locator(".stale")).to_be_hidden()


def test_a_key_that_is_refused_at_the_camera_is_asked_for(browser: Browser, tmp_path: Path) -> None:
    """A dialog lies over the field for the key."""
    (first, first_line), (_, second_line) = new_key("ward", "user"), new_key("ward", "user")
    keys = tmp_path / "keys"
    keys.write_text(f"{first_line}\n")
    with (
        running_service(free_port(), HTNET_API_KEYS_FILE=str(keys)) as url,
        watched_page(browser, url) as page,
    ):
        _enter_key(page, first)
        go_to(page, "examination")
        page.locator("#guide").click()
        expect(page.locator("#camera-checks [data-check=face]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
        page.locator("#camera-take").click()
        expect(page.locator("#camera-title")).to_have_text("Brow lift")
        keys.write_text(f"{second_line}\n")
        expect(page.locator("#camera")).to_be_hidden(timeout=ANSWER_LIMIT_MS)
        expect(page.locator("#api-key")).to_be_focused()
        expect(page.locator(".cards [data-pose=rest]")).to_have_class("pose-card filled")


def test_the_page_works_behind_a_proxy_that_takes_the_path_away(
    browser: Browser, session_pictures: dict[str, Path], photographs: dict[str, Path]
) -> None:
    with (
        running_service(free_port(), HTNET_ROOT_PATH="/clinic/face") as url,
        stripping_proxy(url, "/clinic/face") as published,
        watched_page(browser, published) as page,
    ):
        examine(page, session_pictures.values())
        expect(page.locator(".pose-card.filled")).to_have_count(8)
        go_to(page, "photograph")
        page.set_input_files(PHOTOGRAPH, photographs["good"])
        expect(page.locator("#photograph .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)
        page.locator(".foot a").click()
        expect(page).to_have_url(f"{published}docs")
        operation = page.locator(".opblock", has_text="/v1/models").first
        operation.locator(".opblock-summary-control").click(timeout=ANSWER_LIMIT_MS)
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answered = operation.locator(".live-responses-table .response-col_status").filter(has_text="200").first
        expect(answered).to_be_visible(timeout=ANSWER_LIMIT_MS)


def _enter_key(page: Page, key: str) -> None:
    page.locator("#api-key").fill(key)
    page.locator("#api-key").press("Enter")
