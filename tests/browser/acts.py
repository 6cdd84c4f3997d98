"""What the browser tests do on the page, by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
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


def jpeg_turned(bgr: np.ndarray, orientation: int) -> bytes:
    """A JPEG that is stored as a camera held otherwise would, with the EXIF orientation (1 to 8) that turns it back."""
    stored = cv2.transpose(bgr) if orientation >= 5 else bgr
    flip = {1: None, 2: 1, 3: -1, 4: 0, 5: None, 6: 0, 7: -1, 8: 1}[orientation]
    jpeg = cv2.imencode(".jpg", stored if flip is None else cv2.flip(stored, flip))[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + b"\0\0\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
