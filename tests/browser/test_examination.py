"""The guided examination: files, cards, camera, video, result, report, and what goes wrong on the way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.acts import ANSWER_LIMIT_MS, MANY, examine, go_to, jpeg_turned
from tests.browser.clips import BROW_LIFT_APEX_S, brow_lift_clip

pytestmark = pytest.mark.browser


def test_eight_files_at_once_sort_themselves_and_are_graded(page: Page, session_pictures: dict[str, Path]) -> None:
    go_to(page, "examination")
    with page.expect_request("**/v1/palsy/assess**") as sent:
        page.set_input_files(MANY, list(session_pictures.values()))
    assert b"brow_lift" not in (sent.value.post_data_buffer or b"")  # no file name leaves the browser
    result = page.locator(".result")
    expect(result).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".pose-card.filled")).to_have_count(8)
    expect(result.locator(".grade .headline")).to_have_text("Grade IV")
    expect(result.locator(".side .headline")).to_contain_text("Patient's right")
    # The side is seen without reading: the half on the left of the drawing is framed.
    expect(result.locator(".half.affected")).to_have_count(1)
    face, affected = (result.locator(found).bounding_box() for found in (".face", ".half.affected"))
    assert face
    assert affected
    assert affected["x"] + affected["width"] / 2 < face["x"] + face["width"] / 2
    expect(result.locator(".steps li")).to_have_count(7)
    expect(result.locator(".scale")).to_have_count(2)
    expect(result.locator(".measures").first.locator("tbody tr")).to_have_count(8)
    expect(result.locator(".pose-button")).to_have_count(8)


@pytest.mark.parametrize("language", ["en", "de", "zh-Hans"])
def test_side_grade_reasons_and_what_was_not_seen_stand_on_the_first_screen(
    page: Page, session_pictures: dict[str, Path], language: str
) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator("#language").select_option(language)
    examine(page, session_pictures.values())
    for found in (".keeping", ".side", ".grade", ".face", ".shares", ".decision", ".evidence", ".not-seen"):
        expect(page.locator(f".result {found}")).to_be_in_viewport(ratio=0.99)


def test_a_picture_is_dragged_to_another_card(page: Page, session_pictures: dict[str, Path]) -> None:
    go_to(page, "examination")
    page.set_input_files("input[data-field=snarl]", session_pictures["pucker"])
    page.locator(".cards [data-pose=snarl] .thumbnail").drag_to(page.locator("[data-pose=pucker]"))
    expect(page.locator(".pose-card.filled")).to_have_attribute("data-pose", "pucker")
    page.locator(".cards [data-pose=pucker] [data-tool=move]").select_option("snarl")  # the way without dragging
    expect(page.locator(".pose-card.filled")).to_have_attribute("data-pose", "snarl")


def test_a_wrong_movement_is_said_and_moved(page: Page, session_pictures: dict[str, Path]) -> None:
    go_to(page, "examination")
    for pose, name in (("rest", "rest"), ("brow_lift", "full_smile")):
        page.set_input_files(f"input[data-field={pose}]", session_pictures[name])
        expect(page.locator(f"[data-pose={pose}]")).to_have_class(re.compile("filled"))
    page.locator("#examine").click()
    card = page.locator(".cards [data-pose=brow_lift]")
    expect(card.locator(".verdict")).to_contain_text("Shows another movement", timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".not-seen")).to_contain_text("Brow lift: Shows another movement")
    card.locator("[data-tool=move-there]").click()
    expect(card).not_to_have_class(re.compile("filled"))
    expect(page.locator(".stale")).to_be_visible()  # the result is of other pictures than these


def test_what_is_known_is_told_to_the_service(page: Page, session_pictures: dict[str, Path]) -> None:
    go_to(page, "examination")
    page.locator(".options summary").click()
    page.locator("input[name=mirrored]").check()
    page.locator("input[name=pupil_distance_mm]").fill("62")
    with page.expect_request("**/v1/palsy/assess**") as sent:
        page.set_input_files(MANY, list(session_pictures.values()))
    assert "mirrored=true" in sent.value.url
    assert "pupil_distance_mm=62" in sent.value.url
    # A mirrored picture's weak half is the other one.
    expect(page.locator(".result .side .headline")).to_contain_text("Patient's left", timeout=ANSWER_LIMIT_MS)


def test_the_camera_goes_from_movement_to_movement(page: Page) -> None:
    go_to(page, "examination")
    page.locator("#guide").click()
    expect(page.locator("#camera-title")).to_have_text("At rest")
    expect(page.locator("#camera-checks [data-check=face]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
    page.locator("#camera-take").click()
    expect(page.locator("#camera-title")).to_have_text("Brow lift")
    # The astronaut in the camera does not move, and the look says so before the picture is taken.
    expect(page.locator("#camera-checks [data-check=movement]")).to_have_class("bad", timeout=ANSWER_LIMIT_MS)
    for _ in range(7):
        page.locator("#camera-skip").click()
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator(".result")).to_contain_text("Rest only", timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".pose-card.skipped")).to_have_count(7)


def test_a_video_is_examined_and_its_curves_lead_through_it(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    go_to(page, "examination")
    page.set_input_files(MANY, brow_lift_clip(session_pictures, tmp_path))
    expect(page.locator(".clip")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".clip-segments")).to_contain_text("Brow lift")
    expect(page.locator(".result .side .headline")).to_contain_text("Patient's right")
    page.locator(".time").fill(str(BROW_LIFT_APEX_S))
    shown_s = page.locator(".clip video").evaluate("video => video.currentTime")
    assert shown_s == pytest.approx(BROW_LIFT_APEX_S, abs=0.05)


def test_a_video_gives_each_movement_s_picture_and_a_fhir_bundle(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    go_to(page, "examination")
    page.set_input_files(MANY, brow_lift_clip(session_pictures, tmp_path))
    pictures = page.locator(".result .pose-button")
    expect(pictures).to_have_count(2, timeout=ANSWER_LIMIT_MS)
    pictures.nth(1).click()
    # The picture at the apex, not the one at rest: it is that of the tutorial's brow lift.
    shown = page.locator(".large-pose .photo").evaluate(
        """async photo => {
            await photo.decode();
            const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
            canvas.getContext("2d").drawImage(photo, 0, 0, 64, 64);
            return [...canvas.getContext("2d").getImageData(0, 0, 64, 64).data];
        }"""
    )
    rgb = np.array(shown, float).reshape(64, 64, 4)[..., :3]
    apart = {}
    for pose in ("rest", "brow_lift"):
        small = cv2.resize(cv2.imread(str(session_pictures[pose])), (64, 64), interpolation=cv2.INTER_AREA)
        apart[pose] = np.abs(rgb - small[..., ::-1]).mean()
    assert apart["brow_lift"] < apart["rest"]
    expect(page.locator(".large-pose .overlay")).to_be_visible()
    with page.expect_download(timeout=ANSWER_LIMIT_MS) as bundle:
        page.locator(".save-fhir").click()
    assert json.loads(Path(bundle.value.path()).read_text())["resourceType"] == "Bundle"
    # Pictures that come after it may be somebody else's: its answer does not stay beside them.
    page.route("**/v1/palsy/assess**", lambda route: route.abort())
    page.set_input_files(MANY, list(session_pictures.values()))
    expect(page.locator("#examination .again")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(page.locator("#examination > .answer")).to_be_hidden()


def test_a_folder_of_pictures_is_dropped_and_sorted(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    """As the browser's own machinery drops it, with what systems leave in folders beside the pictures."""
    folder = tmp_path / "visit"
    folder.mkdir()
    for number, path in enumerate(session_pictures.values()):
        (folder / f"IMG_{number}.jpg").write_bytes(path.read_bytes())
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "Thumbs.db").write_bytes(b"\0")
    go_to(page, "examination")
    box = page.locator("#examination .drop").bounding_box()
    assert box
    mouse = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        mouse.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})
    expect(page.locator(".result")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".pose-card .verdict.used")).to_have_count(8)
    expect(page.locator(".loose li")).to_have_count(0)


def test_a_large_picture_is_made_smaller_and_stands_upright(
    page: Page, photographs: dict[str, Path], tmp_path: Path
) -> None:
    """The camera wrote the picture on its side and said so in EXIF; what is sent lies as it is seen."""
    upright = cv2.resize(cv2.imread(str(photographs["good"])), (3600, 3600), interpolation=cv2.INTER_CUBIC)[:3000]
    noise = np.random.default_rng(5).integers(0, 6, upright.shape, np.uint8)
    photo = tmp_path / "sideways.jpg"
    photo.write_bytes(jpeg_turned(upright + noise, 6))
    assert photo.stat().st_size > 1_500_000
    go_to(page, "examination")
    page.set_input_files("input[data-field=rest]", photo)
    shown = page.locator(".cards [data-pose=rest] .thumbnail")
    expect(shown).to_be_visible(timeout=ANSWER_LIMIT_MS)
    assert shown.evaluate("async p => { await p.decode(); return [p.naturalWidth, p.naturalHeight]; }") == [2560, 2133]
    page.locator("#examine").click()
    expect(page.locator(".cards [data-pose=rest] .verdict")).to_contain_text("Used", timeout=ANSWER_LIMIT_MS)


def test_a_key_that_is_asked_for_in_mid_session_keeps_the_pictures(
    page: Page, session_pictures: dict[str, Path]
) -> None:
    def refuse_without_key(route: Route) -> None:
        if route.request.headers.get("x-api-key") == "secret":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", body='{"code": "unauthorized"}')

    page.route("**/v1/palsy/assess**", refuse_without_key)
    go_to(page, "examination")
    page.set_input_files(MANY, list(session_pictures.values()))
    expect(page.locator("#api-key")).to_be_focused()
    page.locator("#api-key").fill("secret")
    page.locator("#api-key").press("Enter")
    expect(page.locator(".result")).to_be_visible(timeout=ANSWER_LIMIT_MS)


def test_a_service_that_restarts_and_a_slow_network_lose_nothing(page: Page, session_pictures: dict[str, Path]) -> None:
    go_to(page, "examination")
    page.route("**/v1/palsy/assess**", lambda route: route.abort())
    page.set_input_files(MANY, list(session_pictures.values()))
    problem = page.locator("#examination > .problem")
    expect(problem.last).to_contain_text("does not answer", timeout=ANSWER_LIMIT_MS)
    page.unroute("**/v1/palsy/assess**")
    held: list[Route] = []
    page.route("**/v1/palsy/assess**", lambda route: held.append(route))
    page.locator("#examination .again").click()
    expect(page.locator("#examination .status")).to_contain_text("Analysing")
    page.locator("#examination .cancel").click()
    expect(page.locator("#examination .status")).to_be_empty()
    page.unroute("**/v1/palsy/assess**")
    page.locator("#examine").click()
    expect(page.locator(".result")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".pose-card.filled")).to_have_count(8)


def test_the_report_is_one_or_two_pages(page: Page, session_pictures: dict[str, Path], tmp_path: Path) -> None:
    examine(page, session_pictures.values())
    pdf = tmp_path / "report.pdf"
    page.pdf(path=pdf, prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) <= 2


def test_answer_and_fhir_bundle_are_saved_and_visits_compared(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    examine(page, session_pictures.values())
    with page.expect_download() as bundle:
        page.locator(".save-fhir").click()
    assert json.loads(Path(bundle.value.path()).read_text())["resourceType"] == "Bundle"
    with page.expect_download() as saved:
        page.locator(".save-json").click()
    assert re.match(r"examination-\d{4}-\d\d-\d\d-", saved.value.suggested_filename)
    after = json.loads(Path(saved.value.path()).read_text())
    assert after["poses"]["rest"]["heatmap"] is None  # figures, no picture
    before = json.loads(json.dumps(after)) | {"request_id": "0" * 32}
    before["regional_movement"]["mouth"]["share"] = 0.0
    files = [
        tmp_path / "examination-2026-01-05-a.json",
        tmp_path / "examination-2026-03-01-b.json",
        tmp_path / "x.json",
    ]
    for path, content in zip(files, (before, after, {"no": "answer"}), strict=True):
        path.write_text(json.dumps(content))
    go_to(page, "follow-up")
    page.set_input_files("input[data-field=drop_answers]", files)
    expect(page.locator("#follow-up .problem").first).to_contain_text("x.json")
    expect(page.locator(".changes tr.better")).to_have_count(1, timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".changes tr.better")).to_contain_text("Mouth")
    expect(page.locator(".chart")).to_have_count(3)
    page.locator("input[type=date]").first.fill("2026-06-01")  # the order turns round
    expect(page.locator(".changes tr.worse")).to_have_count(1, timeout=ANSWER_LIMIT_MS)
