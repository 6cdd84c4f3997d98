"""The main ways in Debian's Firefox: a file, an examination, its result; picture and map agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from tests.browser.acts import jpeg_turned
from tests.browser.firefox import PROGRAM, Firefox

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Firefox is missing: apt-get install firefox-esr"),
]


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with Firefox(tmp_path_factory.mktemp("profile")) as started:
        yield started


def _open(firefox: Firefox, url: str, view: str) -> None:
    firefox.open("about:blank")
    firefox.open(f"{url}#{view}")
    firefox.wait_for("return document.documentElement.dataset.ready")


def test_eight_files_become_a_result(firefox: Firefox, service_url: str, session_pictures: dict[str, Path]) -> None:
    _open(firefox, service_url, "examination")
    firefox.choose_files("input[data-field=drop_many]", list(session_pictures.values()))
    firefox.wait_for("return document.querySelector('.result')")
    text = "return document.querySelector('.result {} .headline').textContent"
    assert firefox.evaluate(text.format(".grade")) == "Grade IV"
    assert "Patient's right" in firefox.evaluate(text.format(".side"))
    assert firefox.evaluate("return document.querySelectorAll('.pose-card.filled').length") == 8
    assert firefox.evaluate("return document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_and_map_agree(
    firefox: Firefox, service_url: str, photographs: dict[str, Path], tmp_path: Path, orientation: int
) -> None:
    photo = tmp_path / "turned.jpg"
    # Wider than high, so that a turn that only one of both makes shows in the shape.
    photo.write_bytes(jpeg_turned(cv2.imread(str(photographs["good"]))[:400], orientation))
    _open(firefox, service_url, "photograph")
    firefox.choose_files("input[data-field=drop_photo]", [photo])
    photo_shape, map_shape = firefox.wait_for(
        "const [p, o] = ['.photo', '.overlay'].map((one) => document.querySelector(`#photograph ${one}`));"
        "return p && p.naturalWidth && o.naturalWidth && [p, o].map((one) => one.naturalWidth / one.naturalHeight);"
    )
    assert photo_shape == pytest.approx(512 / 400, rel=0.01)
    assert map_shape == pytest.approx(photo_shape, rel=0.01)
