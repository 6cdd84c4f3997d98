"""The camera, when it plays an examination: Chromium's fake device shows a film of the simulated patient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acts import ANSWER_LIMIT_MS, go_to
from tests.browser.running import chromium_with_camera, watched_page

pytestmark = pytest.mark.browser
# Each movement is held so long that a slow machine sees it, photographs it and goes on.
PER_S, HELD_S = 2, 20
WIDTH, HEIGHT = 640, 480
FILM = ("rest", "brow_lift", "full_smile")


@pytest.fixture
def filmed_page(
    browser: Browser, service_url: str, session_pictures: dict[str, Path], tmp_path: Path
) -> Iterator[Page]:
    film = tmp_path / "session.y4m"
    _write_film(film, [cv2.imread(str(session_pictures[pose])) for pose in FILM])
    with chromium_with_camera(browser.browser_type, film) as chromium, watched_page(chromium, service_url) as page:
        yield page


def test_a_movement_is_seen_live_and_its_picture_is_judged(filmed_page: Page) -> None:
    page = filmed_page
    go_to(page, "examination")
    page.locator("#guide").click()
    for check in ("face", "distance", "pose"):
        expect(page.locator(f"#camera-checks [data-check={check}]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
    page.locator("#camera-take").click()
    expect(page.locator(".cards [data-pose=rest]")).to_have_class(re.compile("filled"))
    movement = page.locator("#camera-checks [data-check=movement]")
    for pose, title in (("brow_lift", "Brow lift"), ("full_smile", "Full smile")):
        while page.locator("#camera-title").inner_text() != title:
            page.locator("#camera-skip").click()
        expect(movement).to_have_class("bad", timeout=ANSWER_LIMIT_MS)  # the movement before it still goes on
        expect(movement).to_have_class("good", timeout=ANSWER_LIMIT_MS)
        page.locator("#camera-take").click()
        expect(page.locator(f".cards [data-pose={pose}]")).to_have_class(re.compile("filled"))
    while page.locator("#camera").is_visible():
        page.locator("#camera-skip").click()
    expect(page.locator(".result")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".pose-card .verdict.used")).to_have_count(3)
    expect(page.locator(".result .side .headline")).to_contain_text("Patient's right")


def test_a_video_is_recorded_with_a_prompter_and_examined(filmed_page: Page) -> None:
    """Recorded for two movements: the film holds its rest while rest and brow lift are asked for, so none is seen."""
    page = filmed_page
    go_to(page, "examination")
    page.locator("#record").click()
    # Whether there is anything to record is looked at before.
    expect(page.locator("#camera-checks [data-check=face]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
    expect(page.locator("#camera-take")).to_be_enabled(timeout=ANSWER_LIMIT_MS)
    page.locator("#camera-take").click()
    expect(page.locator("#camera-title")).to_have_text("Brow lift", timeout=ANSWER_LIMIT_MS)
    expect(page.locator("#camera-step")).to_contain_text("step 4 of 15", timeout=ANSWER_LIMIT_MS)
    with page.expect_request("**/v1/palsy/video**") as sent:
        page.locator("#camera-take").click()
    assert re.search(r"script=rest%3A0.00-2.50%2Cbrow_lift%3A2.50-6.00", sent.value.url)
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator(".clip-segments")).to_contain_text("Brow lift", timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".result .not-seen")).to_contain_text(re.compile("Brow lift.*: The movement is not visible"))
    expect(page.locator(".result .pose-button")).not_to_have_count(0)


def _write_film(path: Path, pictures: list[np.ndarray]) -> None:
    """Y4M, each picture for HELD_S seconds."""
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{PER_S}:1 Ip A1:1 C420\n".encode()
    with path.open("wb") as file:
        file.write(head)
        for picture in pictures:
            side = cv2.resize(picture, (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
            edge = (WIDTH - HEIGHT) // 2
            frame = cv2.copyMakeBorder(side, 0, 0, edge, edge, cv2.BORDER_REPLICATE)
            planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes()
            for _ in range(PER_S * HELD_S):
                file.write(b"FRAME\n" + planes)
