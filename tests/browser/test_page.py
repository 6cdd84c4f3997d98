"""What a clinician does on the page, in a real browser against the real service and the shipped models."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
PALSY_FILE = "#palsy input[data-field=drop_photo]"
ANSWER_LIMIT_MS = 15_000


def upload(page: Page, photo: Path) -> None:
    page.set_input_files(PALSY_FILE, photo)
    expect(page.locator("#palsy .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)


def assert_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found] == []


def test_an_uploaded_photograph_is_graded_and_explained(page: Page, photographs: dict[str, Path]) -> None:
    upload(page, photographs["good"])
    answer = page.locator("#palsy .answer-grid")
    expect(answer.locator(".grade .headline")).to_have_text(re.compile(r"^Grade (I|II|III|IV|V|VI)$"))
    expect(answer.locator(".bar-row")).to_have_count(6)
    shares = [float(value.rstrip(" %")) for value in answer.locator(".bar-value").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=3)
    expect(answer.locator(".set")).to_contain_text("confidence")
    expect(answer.locator(".evidence")).to_contain_text("defined on movement")
    expect(answer.locator("svg.outlines polygon")).to_have_count(4)
    expect(answer.locator("svg.outlines text")).to_have_count(4)
    assert answer.locator(".photo").bounding_box()["width"] > answer.locator(".stage").bounding_box()["width"]
    answer.locator(".whole").check()
    assert answer.locator(".photo").bounding_box()["width"] == answer.locator(".stage").bounding_box()["width"]
    overlay, photo = answer.locator(".overlay").bounding_box(), answer.locator(".photo").bounding_box()
    assert overlay == pytest.approx(photo, abs=1)
    size = page.evaluate("() => { const o = document.querySelector('.overlay'), p = document.querySelector('.photo');"
                         "return [o.naturalWidth / o.naturalHeight, p.naturalWidth / p.naturalHeight]; }")  # fmt: skip
    assert size[0] == pytest.approx(size[1], rel=0.01)
    expect(page.locator("#intended-use")).to_be_in_viewport()
    expect(page.locator("#model-line")).to_contain_text("trained on")


def test_a_dropped_photograph_is_graded(page: Page, photographs: dict[str, Path]) -> None:
    content = base64.b64encode(photographs["good"].read_bytes()).decode()
    page.evaluate(
        """async (content) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "patient.jpg", { type: "image/jpeg" }));
            const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector("#palsy .drop").dispatchEvent(drop);
        }""",
        content,
    )
    expect(page.locator("#palsy .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)


def test_the_file_name_does_not_leave_the_browser(page: Page, photographs: dict[str, Path]) -> None:
    with page.expect_request("**/v1/palsy/grade**") as sent:
        page.set_input_files(PALSY_FILE, photographs["good"])
    assert b"good.jpg" not in (sent.value.post_data_buffer or b"")


def test_the_overlay_fades_and_shows_each_region(page: Page, photographs: dict[str, Path]) -> None:
    upload(page, photographs["good"])
    overlay = page.locator("#palsy .overlay")
    page.locator("#palsy .slider input").fill("0")
    assert float(overlay.evaluate("o => getComputedStyle(o).opacity")) == 0
    page.locator("#palsy .slider input").fill("100")
    assert float(overlay.evaluate("o => getComputedStyle(o).opacity")) == 1
    pictures = set()
    for button in page.locator("#palsy .layers button").all():
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        pictures.add(overlay.get_attribute("src"))
    assert len(pictures) == 6  # the heatmap and five regions
    page.locator("#palsy .outline-box").uncheck()
    expect(page.locator("#palsy svg.outlines")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty", "The file is empty"),
        ("text", "not a picture that we can read"),
        ("truncated", "damaged or incomplete"),
        ("large", "larger than this service accepts"),
        ("none", "We see no face"),
        ("two", "more than one face"),
        ("small", "too small"),
    ],
)
def test_errors_are_sentences_about_the_photograph(
    page: Page, photographs: dict[str, Path], name: str, sentence: str
) -> None:
    page.set_input_files(PALSY_FILE, photographs[name])
    problem = page.locator("#palsy .problem")
    expect(problem).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(problem).to_contain_text(sentence)
    expect(page.locator("#palsy .answer")).to_be_hidden()
    upload(page, photographs["good"])  # and the page is not stuck
    expect(problem).to_be_hidden()


def test_a_service_that_is_gone_is_said(page: Page, photographs: dict[str, Path]) -> None:
    page.route("**/v1/palsy/grade**", lambda route: route.abort())
    page.set_input_files(PALSY_FILE, photographs["good"])
    expect(page.locator("#palsy .problem")).to_contain_text("does not answer")


def test_a_missing_key_opens_the_key_field(page: Page, photographs: dict[str, Path]) -> None:
    def refuse_without_key(route) -> None:
        if route.request.headers.get("x-api-key") == "secret":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", body='{"code": "unauthorized"}')

    page.route("**/v1/palsy/grade**", refuse_without_key)
    page.set_input_files(PALSY_FILE, photographs["good"])
    expect(page.locator("#api-key")).to_be_focused()
    page.locator("#api-key").fill("secret")
    upload(page, photographs["good"])


def test_the_camera_guides_and_takes_a_photograph(page: Page) -> None:
    page.locator("#palsy .use-camera").click()
    expect(page.locator("#camera .oval")).to_be_visible()
    expect(page.locator("#camera-checks [data-check=face]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
    page.locator("#camera-take").click()
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("#palsy .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    assert page.evaluate("() => document.getElementById('camera-video').srcObject") is None


def test_a_pair_of_frames_is_classified(page: Page, photographs: dict[str, Path]) -> None:
    page.locator("#tab-microexpression").click()
    page.set_input_files("input[data-field=drop_onset]", photographs["good"])
    page.set_input_files("input[data-field=drop_apex]", photographs["raised"])
    page.locator("#microexpression .intake .primary").click()
    answer = page.locator("#microexpression .answer-grid")
    expect(answer).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(answer.locator(".bar-row")).to_have_count(3)
    page.set_input_files("input[data-field=drop_apex]", photographs["good"])
    page.locator("#microexpression .intake .primary").click()
    expect(page.locator("#microexpression .problem")).to_contain_text("no movement", timeout=ANSWER_LIMIT_MS)


def test_a_recorded_pair_can_be_chosen(page: Page) -> None:
    page.locator("#tab-microexpression").click()
    page.locator("#microexpression [data-text=record_pair]").click()
    page.locator("#camera-take:enabled").click()
    expect(page.locator("#camera-frames")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    page.locator("#frame-apex").fill("1")
    page.locator("#camera-take").click()
    expect(page.locator("#microexpression .intake .primary")).to_be_enabled()


def test_two_visits_side_by_side(page: Page, photographs: dict[str, Path]) -> None:
    page.locator("#second-visit").click()
    for index, name in enumerate(("good", "raised")):
        page.locator(PALSY_FILE).nth(index).set_input_files(photographs[name])
    expect(page.locator("#palsy .answer-grid")).to_have_count(2, timeout=ANSWER_LIMIT_MS)
    left, right = (page.locator("#palsy .visit").nth(index).bounding_box() for index in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    page.locator("#second-visit").click()
    expect(page.locator("#palsy .visit")).to_have_count(1)


def test_keyboard_alone(page: Page, photographs: dict[str, Path]) -> None:
    # A chooser is caught only while someone listens, and the browser hears of a new listener too late for the next key.
    page.on("filechooser", lambda _: None)
    reached = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "() => { const at = document.activeElement; return at.id || at.dataset.field || at.className; }"
            )
        )
    assert {"language", "theme", "tab-palsy", "drop_photo", "use-camera", "second-visit"} <= reached
    page.locator("#tab-palsy").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#microexpression")).to_be_visible()
    expect(page.locator("#tab-microexpression")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.locator(PALSY_FILE).focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(photographs["good"])
    expect(page.locator("#palsy .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de", "zh-Hans"])
def test_axe_finds_nothing(page: Page, photographs: dict[str, Path], theme: str, language: str) -> None:
    page.locator("#language").select_option(language)
    page.locator("#theme").select_option(theme)
    upload(page, photographs["good"])
    assert page.locator("text=/\\[\\w+\\]/").count() == 0  # no text is missing
    assert_accessible(page)
    page.locator("#tab-microexpression").click()
    assert_accessible(page)


def test_the_language_changes_an_answer_that_is_shown(page: Page, photographs: dict[str, Path]) -> None:
    upload(page, photographs["good"])
    page.locator("#language").select_option("de")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#palsy .grade .headline")).to_contain_text(re.compile(r"\bGrad\b"))  # not "Grade"


@pytest.mark.parametrize("width", [320, 390, 820])
def test_nothing_is_cut_off_on_a_phone(page: Page, photographs: dict[str, Path], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    upload(page, photographs["good"])
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_report_is_one_page(page: Page, photographs: dict[str, Path], tmp_path: Path) -> None:
    upload(page, photographs["good"])
    pdf = tmp_path / "report.pdf"
    page.pdf(path=pdf, format="A4", prefer_css_page_size=True, print_background=False)
    content = pdf.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1
    assert b"/Image" in content


def test_the_answer_can_be_saved_as_json(page: Page, photographs: dict[str, Path]) -> None:
    upload(page, photographs["good"])
    with page.expect_download() as download:
        page.locator("#palsy .save-json").click()
    answer = json.loads(Path(download.value.path()).read_text())
    assert answer["grade"]["house_brackmann"] in {"I", "II", "III", "IV", "V", "VI"}


def test_nothing_is_stored_in_the_browser(page: Page, photographs: dict[str, Path]) -> None:
    upload(page, photographs["good"])
    assert page.context.cookies() == []
    assert (
        page.evaluate("async () => localStorage.length + sessionStorage.length + (await indexedDB.databases()).length")
        == 0
    )


def test_screenshots(browser: Browser, service_url: str, photographs: dict[str, Path]) -> None:
    """The pictures of docs/images, so that they never show an older page."""
    folder = Path(__file__).parents[2] / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for name, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("mobile", 390, "light")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB")
        page = context.new_page()
        page.goto(service_url)
        page.wait_for_selector("html[data-ready]")
        upload(page, photographs["good"])
        page.wait_for_timeout(300)
        page.screenshot(path=folder / f"{name}.png", full_page=name != "mobile")
        context.close()
