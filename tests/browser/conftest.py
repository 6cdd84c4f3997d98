"""A real service with the shipped bundles, and Debian's Chromium before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.running import CHROMIUM, ROOT, chromium_with_camera, free_port, running_service, watched_page


@pytest.fixture(scope="session")
def service_url() -> Iterator[str]:
    with running_service(free_port()) as url:
        yield url


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files by what is wrong with them; `good` is scikit-image's public-domain photograph of an astronaut."""
    folder = tmp_path_factory.mktemp("photographs")
    astronaut = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)
    face = astronaut[:260, 90:350]
    pictures = {
        "good": astronaut,
        "two": np.hstack([astronaut, astronaut]),
        "none": np.full((400, 400, 3), 128, np.uint8),
        "small": cv2.copyMakeBorder(cv2.resize(face, (70, 70)), 60, 60, 60, 60, cv2.BORDER_REPLICATE),
    }
    files = {}
    for name, picture in pictures.items():
        files[name] = folder / f"{name}.jpg"
        assert cv2.imwrite(str(files[name]), picture)
    for name, content in {
        "empty": b"", "text": b"not a picture at all", "truncated": files["good"].read_bytes()[:3000],
        "large": files["good"].read_bytes() + bytes(11_000_000),
    }.items():  # fmt: skip
        files[name] = folder / f"{name}.jpg"
        files[name].write_bytes(content)
    files["raised"] = folder / "raised.jpg"
    assert cv2.imwrite(str(files["raised"]), lift_mouth_corners(astronaut))
    return files


@pytest.fixture(scope="session")
def session_pictures() -> dict[str, Path]:
    """The tutorial's eight pictures of a simulated patient with a palsy of the right side, by pose."""
    return {path.stem: path for path in sorted((ROOT / "docs" / "images" / "simulated-patient").glob("*.jpg"))}


def lift_mouth_corners(picture: np.ndarray) -> np.ndarray:
    """The astronaut with both corners of the mouth moved up and out by a few pixels: a small smile."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    for x, y, outwards in ((203, 152, -1.0), (249, 148, 1.0)):
        weight = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 11.0**2))
        columns, rows = columns - outwards * 2.0 * weight, rows + 3.0 * weight
    return cv2.remap(picture, columns, rows, cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium whose camera shows the astronaut."""
    if not CHROMIUM.exists():
        pytest.exit("Chromium is missing: sudo apt-get install chromium firefox-esr", returncode=1)
    film = tmp_path_factory.mktemp("camera") / "astronaut.mjpeg"
    frame = cv2.copyMakeBorder(
        cv2.cvtColor(skimage.data.astronaut()[:384], cv2.COLOR_RGB2BGR), 0, 0, 0, 0, cv2.BORDER_REPLICATE
    )
    film.write_bytes(cv2.imencode(".jpg", frame)[1].tobytes() * 2)
    with sync_playwright() as playwright, chromium_with_camera(playwright.chromium, film) as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser, service_url: str) -> Iterator[Page]:
    with watched_page(browser, service_url) as page:
        yield page
