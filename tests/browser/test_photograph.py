"""One photograph and a pair of frames, in a real browser against the real service and the shipped models."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.acts import ANSWER_LIMIT_MS, PHOTOGRAPH, go_to, grade, jpeg_turned
from tests.browser.clips import moving_clip, still_clip

pytestmark = pytest.mark.browser


def test_an_uploaded_photograph_is_graded_and_explained(page: Page, photographs: dict[str, Path]) -> None:
    grade(page, photographs["good"])
    answer = page.locator("#photograph .answer-grid")
    expect(answer.locator(".grade .headline")).to_have_text(re.compile(r"^Grade (I|II|III|IV|V|VI)$"))
    expect(answer.locator(".bar-row")).to_have_count(6)
    shares = [float(value.strip("<> %")) for value in answer.locator(".bar-value").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=6)  # "< 1" is read as 1
    expect(answer.locator(".set")).to_contain_text("to consider")
    expect(answer.locator(".bar-row.in-set.chosen")).to_have_count(1)  # the grade is one of those to consider
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
    page.locator("#intended-use").click()
    expect(page.locator("#model-line")).to_contain_text("trained on")


def test_a_dropped_photograph_is_graded(page: Page, photographs: dict[str, Path]) -> None:
    go_to(page, "photograph")
    content = base64.b64encode(photographs["good"].read_bytes()).decode()
    page.evaluate(
        """async (content) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "patient.jpg", { type: "image/jpeg" }));
            const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector("#photograph .drop").dispatchEvent(drop);
        }""",
        content,
    )
    expect(page.locator("#photograph .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)


def test_the_file_name_does_not_leave_the_browser(page: Page, photographs: dict[str, Path]) -> None:
    go_to(page, "photograph")
    with page.expect_request("**/v1/palsy/grade**") as sent:
        page.set_input_files(PHOTOGRAPH, photographs["good"])
    assert b"good.jpg" not in (sent.value.post_data_buffer or b"")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_and_map_agree_however_the_camera_was_held(
    page: Page, photographs: dict[str, Path], tmp_path: Path, orientation: int
) -> None:
    photo = tmp_path / "turned.jpg"
    # Wider than high, so that a turn that only one of both makes shows in the shape.
    photo.write_bytes(jpeg_turned(cv2.imread(str(photographs["good"]))[:400], orientation))
    grade(page, photo)
    shapes = page.evaluate(
        "() => ['.photo', '.overlay'].map((one) => document.querySelector(`#photograph ${one}`))"
        ".map((one) => one.naturalWidth / one.naturalHeight)"
    )
    assert shapes == pytest.approx([512 / 400] * 2, rel=0.01)


def test_the_overlay_fades_and_shows_each_region(page: Page, photographs: dict[str, Path]) -> None:
    grade(page, photographs["good"])
    overlay = page.locator("#photograph .overlay")
    page.locator("#photograph .slider input").fill("0")
    assert float(overlay.evaluate("o => getComputedStyle(o).opacity")) == 0
    page.locator("#photograph .slider input").fill("100")
    assert float(overlay.evaluate("o => getComputedStyle(o).opacity")) == 1
    pictures = set()
    for button in page.locator("#photograph .layers button").all():
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        pictures.add(overlay.get_attribute("src"))
    assert len(pictures) == 6  # the heatmap and five regions
    page.locator("#photograph .outline-box").uncheck()
    expect(page.locator("#photograph svg.outlines")).to_be_hidden()


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
    go_to(page, "photograph")
    page.set_input_files(PHOTOGRAPH, photographs[name])
    problem = page.locator("#photograph .problem")
    expect(problem).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(problem).to_contain_text(sentence)
    expect(page.locator("#photograph .answer")).to_be_hidden()
    grade(page, photographs["good"])  # and the page is not stuck
    expect(problem).to_be_hidden()


def test_a_service_that_is_gone_is_said(page: Page, photographs: dict[str, Path]) -> None:
    go_to(page, "photograph")
    page.route("**/v1/palsy/grade**", lambda route: route.abort())
    page.set_input_files(PHOTOGRAPH, photographs["good"])
    expect(page.locator("#photograph .problem")).to_contain_text("does not answer")


def test_a_missing_key_opens_the_key_field(page: Page, photographs: dict[str, Path]) -> None:
    go_to(page, "photograph")

    def refuse_without_key(route) -> None:
        if route.request.headers.get("x-api-key") == "secret":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", body='{"code": "unauthorized"}')

    page.route("**/v1/palsy/grade**", refuse_without_key)
    page.set_input_files(PHOTOGRAPH, photographs["good"])
    expect(page.locator("#api-key")).to_be_focused()
    page.locator("#api-key").fill("secret")
    page.locator("#api-key").press("Enter")  # and what was refused goes on by itself
    expect(page.locator("#photograph .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)


def test_the_camera_guides_and_takes_a_photograph(page: Page) -> None:
    go_to(page, "photograph")
    page.locator("#photograph .use-camera").click()
    expect(page.locator("#camera .oval")).to_be_visible()
    expect(page.locator("#camera-checks [data-check=face]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
    page.locator("#camera-take").click()
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("#photograph .answer-grid")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    assert page.evaluate("() => document.getElementById('camera-video').srcObject") is None


def test_a_pair_of_frames_is_classified(page: Page, photographs: dict[str, Path]) -> None:
    go_to(page, "microexpression")
    page.set_input_files("input[data-field=drop_onset]", photographs["good"])
    page.set_input_files("input[data-field=drop_apex]", photographs["raised"])
    page.locator("#microexpression .intake .primary").click()
    answer = page.locator("#microexpression .answer-grid")
    expect(answer).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(answer.locator(".bar-row")).to_have_count(3)
    page.set_input_files("input[data-field=drop_apex]", photographs["good"])
    page.locator("#microexpression .intake .primary").click()
    expect(page.locator("#pair .problem")).to_contain_text("No movement is seen", timeout=ANSWER_LIMIT_MS)


def test_a_recorded_pair_can_be_chosen(page: Page) -> None:
    go_to(page, "microexpression")
    page.locator("#microexpression [data-text=record_pair]").click()
    page.locator("#camera-take:enabled").click()
    expect(page.locator("#camera-frames")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    page.locator("#frame-apex").fill("1")
    page.locator("#camera-take").click()
    expect(page.locator("#microexpression .intake .primary")).to_be_enabled()


def test_two_visits_side_by_side(page: Page, photographs: dict[str, Path]) -> None:
    go_to(page, "photograph")
    page.locator("#second-visit").click()
    for index, name in enumerate(("good", "raised")):
        page.locator(PHOTOGRAPH).nth(index).set_input_files(photographs[name])
    expect(page.locator("#photograph .answer-grid")).to_have_count(2, timeout=ANSWER_LIMIT_MS)
    left, right = (page.locator("#photograph .visit").nth(index).bounding_box() for index in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    page.locator("#second-visit").click()
    expect(page.locator("#photograph .visit")).to_have_count(1)


def test_the_language_changes_an_answer_that_is_shown(page: Page, photographs: dict[str, Path]) -> None:
    grade(page, photographs["good"])
    page.locator("#language").select_option("de")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#photograph .grade .headline")).to_contain_text(re.compile(r"\bGrad\b"))  # not "Grade"


def test_the_service_s_warnings_are_said_in_the_page_s_language(page: Page, photographs: dict[str, Path]) -> None:
    page.locator("#language").select_option("de")
    grade(page, photographs["good"])
    warning = page.locator("#photograph .warnings li").first
    expect(warning).to_have_text(re.compile(r"^Das Gesicht ist nur \d+ Pixel breit; .* 128 oder mehr sind\.$"))
    assert warning.get_attribute("lang") is None
    sentences = {
        "`unsorted-2`: The face is tipped 24 degrees up; hold the camera at the height of the eyes.":
            "Bild ohne Bewegung 2: Das Gesicht ist um 24 Grad nach oben geneigt; halten Sie die Kamera auf Augenhöhe.",
        "In `full_smile` and `snarl` the affected side moves over 1.2 times as far as the other, and counts as 1.2: it "
        "may be over-active, or the affected side may be the other one.":
            "Bei „Breites Lächeln“ und „Nase rümpfen“ bewegt sich die betroffene Seite über 1,2-mal so weit wie die "
            "andere und zählt als 1,2: Sie kann überaktiv sein, oder die betroffene Seite ist die andere.",
        "Not all is seen of the left eye (40% of it) and the forehead (9% of it): its score is uncertain, and the "
        "prediction set is wider. If something covers it, take that away for a surer answer.":
            "Nicht ganz zu sehen ist hier: linkes Auge (40% davon) und Stirn (9% davon). Der Wert dafür ist unsicher, "
            "und es kommen mehr Grade in Betracht. Nehmen Sie weg, was verdeckt, für eine sicherere Antwort.",
        "Onset: A sentence of a newer service about `rest`.": "Vorher: A sentence of a newer service about „In Ruhe“.",
    }  # fmt: skip
    for english, german in sentences.items():
        said = page.evaluate(
            """async sentence => {
                const { said } = await import("./base/said.js");
                const found = said("p", {}, sentence);
                return [found.textContent, found.lang];
            }""",
            english,
        )
        assert said == [german, "en" if "newer service" in english else ""]


def test_the_report_is_one_page(page: Page, photographs: dict[str, Path], tmp_path: Path) -> None:
    grade(page, photographs["good"])
    pdf = tmp_path / "report.pdf"
    page.pdf(path=pdf, format="A4", prefer_css_page_size=True, print_background=False)
    content = pdf.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1
    assert b"/Image" in content


def test_the_answer_can_be_saved_as_json(page: Page, photographs: dict[str, Path]) -> None:
    grade(page, photographs["good"])
    with page.expect_download() as download:
        page.locator("#photograph .save-json").click()
    answer = json.loads(Path(download.value.path()).read_text())
    assert answer["grade"]["house_brackmann"] in {"I", "II", "III", "IV", "V", "VI"}


def test_nothing_is_stored_in_the_browser(page: Page, photographs: dict[str, Path]) -> None:
    grade(page, photographs["good"])
    assert page.context.cookies() == []
    assert (
        page.evaluate("async () => localStorage.length + sessionStorage.length + (await indexedDB.databases()).length")
        == 0
    )


def test_a_clip_is_looked_through_for_micro_expressions(
    page: Page, photographs: dict[str, Path], tmp_path: Path
) -> None:
    go_to(page, "microexpression")
    page.set_input_files("input[data-field=drop_clip]", still_clip(photographs, tmp_path))
    answer = page.locator("#spot .answer")
    expect(answer).to_contain_text("No movement was found", timeout=ANSWER_LIMIT_MS)
    page.set_input_files("input[data-field=drop_clip]", moving_clip(photographs, tmp_path))
    expect(answer.locator(".event")).to_have_count(1, timeout=ANSWER_LIMIT_MS)
    expect(answer.locator(".curves path")).to_have_count(1)
