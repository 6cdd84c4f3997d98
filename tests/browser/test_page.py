"""The frame of the page: ways in, languages, colours, sizes, keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acts import ANSWER_LIMIT_MS, MANY, PHOTOGRAPH, assert_accessible, examine, go_to, grade
from tests.browser.clips import brow_lift_clip, moving_clip

pytestmark = pytest.mark.browser
VIEWS = ("examination", "photograph", "microexpression", "follow-up")


def test_home_shows_every_way_and_the_back_button_leads_home(page: Page) -> None:
    ways = page.locator(".home-ways a")
    expect(ways).to_have_count(len(VIEWS))
    ways.first.click()
    expect(page.locator("#examination")).to_be_visible()
    expect(page.locator("#home")).to_be_hidden()
    page.go_back()
    expect(page.locator("#home")).to_be_visible()


def test_the_notice_is_one_line_with_details_on_demand(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    notice = page.locator("#notice")
    box = notice.bounding_box()
    assert box is not None
    assert box["height"] < 60
    expect(notice).to_contain_text("Not a medical device")
    page.locator("#intended-use").click()
    expect(page.locator("#model-line")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de", "zh-Hans"])
def test_axe_finds_nothing(page: Page, session_pictures: dict[str, Path], theme: str, language: str) -> None:
    page.locator("#language").select_option(language)
    page.locator("#theme").select_option(theme)
    assert_accessible(page)
    for view in VIEWS:
        go_to(page, view)
        assert_accessible(page)
    examine(page, session_pictures.values())
    for details in page.locator(".result details").all():
        details.locator("summary").click()
    assert_accessible(page)


def test_axe_finds_nothing_on_a_phone(page: Page, photographs: dict[str, Path]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    grade(page, photographs["good"])
    assert_accessible(page)


def test_axe_finds_nothing_in_the_result_of_an_examination_on_a_phone(
    page: Page, session_pictures: dict[str, Path]
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    examine(page, session_pictures.values())
    for details in page.locator(".result details").all():
        details.locator("summary").click()
    assert_accessible(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_at_the_camera(page: Page, theme: str) -> None:
    page.locator("#theme").select_option(theme)
    go_to(page, "examination")
    page.locator("#guide").click()
    expect(page.locator("#camera-checks [data-check=face]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#camera-take").click()
    expect(page.locator("#camera-checks [data-check=movement]")).to_have_class("bad", timeout=ANSWER_LIMIT_MS)
    assert_accessible(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    expect(page.locator("#camera-take")).to_be_in_viewport()  # held in one hand, nothing has to be scrolled


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_what_clips_show(
    page: Page, session_pictures: dict[str, Path], photographs: dict[str, Path], tmp_path: Path, theme: str
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#theme").select_option(theme)
    go_to(page, "examination")
    page.set_input_files(MANY, brow_lift_clip(session_pictures, tmp_path))
    expect(page.locator(".clip")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    assert_accessible(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    go_to(page, "microexpression")
    page.set_input_files("input[data-field=drop_clip]", moving_clip(photographs, tmp_path))
    expect(page.locator("#spot .event")).to_have_count(1, timeout=ANSWER_LIMIT_MS)
    assert_accessible(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_problem(
    page: Page, photographs: dict[str, Path], session_pictures: dict[str, Path], theme: str
) -> None:
    page.locator("#theme").select_option(theme)
    go_to(page, "photograph")
    page.set_input_files(PHOTOGRAPH, photographs["none"])
    expect(page.locator("#photograph .problem")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    assert_accessible(page)
    go_to(page, "examination")
    page.route("**/v1/palsy/assess**", lambda route: route.abort())
    page.set_input_files(MANY, list(session_pictures.values()))
    expect(page.locator("#examination .again")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    assert_accessible(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_follow_up(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path, theme: str
) -> None:
    page.locator("#theme").select_option(theme)
    examine(page, session_pictures.values())
    with page.expect_download() as saved:
        page.locator(".save-json").click()
    after = json.loads(Path(saved.value.path()).read_text())
    before = json.loads(json.dumps(after)) | {"request_id": "0" * 32}
    before["regional_movement"]["mouth"]["share"] = 0.0
    files = [tmp_path / f"examination-2026-{day}.json" for day in ("01-05-a", "03-01-b")]
    for path, answer in zip(files, (before, after), strict=True):
        path.write_text(json.dumps(answer))
    stray = tmp_path / "x.json"
    stray.write_text("{}")
    go_to(page, "follow-up")
    page.set_input_files("input[data-field=drop_answers]", [*files, stray])
    expect(page.locator("#follow-up .problem").first).to_contain_text("x.json")
    expect(page.locator(".changes tr.better")).to_have_count(1, timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".chart")).to_have_count(3)
    for details in page.locator("#follow-up .changes-found details").all():
        details.locator("summary").click()
    expect(page.locator("#follow-up .changes-found details[open]")).to_have_count(8)
    assert_accessible(page)


@pytest.mark.parametrize("width", [320, 390, 820])
def test_nothing_is_cut_off_on_a_phone(page: Page, session_pictures: dict[str, Path], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    examine(page, session_pictures.values())
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_language_changes_a_result_that_is_shown(page: Page, session_pictures: dict[str, Path]) -> None:
    examine(page, session_pictures.values())
    page.locator("#language").select_option("de")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator(".result .grade .headline")).to_have_text(re.compile(r"^Grad IV$"))
    expect(page.locator(".cards [data-pose=brow_lift] h3")).to_have_text("Stirn heben")


def test_the_keyboard_alone_reaches_a_result(page: Page, session_pictures: dict[str, Path]) -> None:
    # A chooser is caught only while someone listens, and the browser hears of a new listener too late for the next key.
    page.on("filechooser", lambda _: None)
    page.locator(".home-ways a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#examination")).to_be_visible()
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.dataset.field || document.activeElement.id"))
    assert {"drop_many", "guide", "rest"} <= reached
    page.locator(MANY).focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(list(session_pictures.values()))
    expect(page.locator(".result")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    page.locator(".cards [data-pose=snarl] [data-tool=remove]").focus()
    page.keyboard.press("Enter")
    # The card is drawn anew, and who came by keyboard is still on it.
    assert page.evaluate("() => document.activeElement.closest('[data-pose]').dataset.pose") == "snarl"


def test_screenshots(browser: Browser, service_url: str, session_pictures: dict[str, Path]) -> None:
    """The pictures of docs/images, so that they never show an older page."""
    folder = Path(__file__).parents[2] / "docs" / "images"
    for name, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("mobile", 390, "light")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB")
        page = context.new_page()
        page.goto(service_url)
        page.wait_for_selector("html[data-ready]")
        examine(page, session_pictures.values())
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}.png")
        context.close()
