"""What a clinician in a hurry does: each gets a sentence, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acts import ANSWER_LIMIT_MS, MANY, PHOTOGRAPH, examine, go_to
from tests.browser.clips import brow_lift_clip

pytestmark = pytest.mark.browser


def test_each_way_in_says_what_it_is_and_a_phone_speaks_of_no_dropping(browser: Browser, service_url: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="en-GB"
    )
    page = context.new_page()
    page.goto(service_url)
    page.locator(".home-ways a").first.click()
    ways = page.locator(".way-in")
    expect(ways.locator("h3")).to_have_text(["Movement by movement", "One video", "Files that you have"])
    hints = ways.locator(".hint").all_inner_texts()
    assert len(set(hints)) == 3
    expect(ways.first.locator("#guide")).to_be_in_viewport(ratio=1)
    for view in ("examination", "photograph", "microexpression", "follow-up"):
        page.locator(f".ways a[href='#{view}']").click()
        expect(page.locator(f"#{view}")).to_be_visible()
        assert "drop" not in page.locator(f"#{view}").inner_text().lower()
    context.close()


def test_one_file_on_every_card_is_said_on_each(page: Page, session_pictures: dict[str, Path]) -> None:
    go_to(page, "examination")
    poses = ("rest", "brow_lift", "full_smile")
    for pose in poses:
        page.set_input_files(f"input[data-field={pose}]", session_pictures["rest"])
        expect(page.locator(f".cards [data-pose={pose}] .thumbnail")).to_be_visible()
    page.locator("#examine").click()
    for pose in poses[1:]:
        verdict = page.locator(f".cards [data-pose={pose}] .verdict")
        expect(verdict).to_contain_text("same file", timeout=ANSWER_LIMIT_MS)
    expect(page.locator(".not-seen li").first).to_contain_text("Brow lift and Full smile: The same file")
    expect(page.locator(".not-seen")).not_to_contain_text("No picture of: Brow lift")
    expect(page.locator(".patterns")).to_contain_text("Rest only")  # above the grade, not beside it


def test_a_video_among_pictures_is_refused_and_on_a_card_it_is_examined(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    clip = brow_lift_clip(session_pictures, tmp_path)
    examine(page, list(session_pictures.values())[:4])
    page.set_input_files(MANY, [session_pictures["rest"], clip])
    expect(page.locator("#examination > .problem").first).to_contain_text("nothing was taken")
    expect(page.locator(".pose-card.filled")).to_have_count(4)
    expect(page.locator(".result")).to_be_visible()
    page.set_input_files("input[data-field=snarl]", clip)
    expect(page.locator(".result .clip")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    expect(page.locator("#examination > .problem").first).to_be_hidden()
    expect(page.locator(".pose-card.filled")).to_have_count(4)


def test_pictures_and_videos_in_each_other_s_place_are_told_apart(
    page: Page, session_pictures: dict[str, Path], tmp_path: Path
) -> None:
    go_to(page, "microexpression")
    page.set_input_files("input[data-field=drop_clip]", session_pictures["rest"])
    expect(page.locator("#spot .problem")).to_contain_text("not a video", timeout=ANSWER_LIMIT_MS)
    go_to(page, "photograph")
    page.set_input_files(PHOTOGRAPH, brow_lift_clip(session_pictures, tmp_path))
    expect(page.locator("#photograph .problem")).to_contain_text("not a picture", timeout=ANSWER_LIMIT_MS)
    expect(page.locator("#photograph .again")).to_have_count(0)  # the same file would be refused again


@pytest.mark.parametrize(
    ("status", "code", "sentence", "again"),
    [
        (503, "overloaded", "try again in 7 seconds", True),
        (429, "rate-limited", "try again in 7 seconds", True),
        (429, None, "try again in 7 seconds", True),
        (413, "image-too-large", "larger than this service accepts", False),
        (413, None, "larger than this service accepts", False),
        (502, None, "Nothing is lost", True),
    ],
)
def test_a_refusal_in_mid_session_keeps_pictures_and_result(
    page: Page, session_pictures: dict[str, Path], status: int, code: str | None, sentence: str, again: bool
) -> None:
    """Without a code it is a proxy's page, not the service's answer."""
    examine(page, list(session_pictures.values())[:2])
    body = f'{{"code": "{code}"}}' if code else "<html><h1>nginx</h1></html>"
    page.route(
        "**/v1/palsy/assess**", lambda route: route.fulfill(status=status, headers={"Retry-After": "7"}, body=body)
    )
    page.locator("#examine").dblclick()
    problem = page.locator("#examination > .problem").last
    expect(problem).to_contain_text(sentence)
    expect(problem).to_be_in_viewport(ratio=1)
    expect(problem.locator(".again")).to_have_count(int(again))
    expect(page.locator(".pose-card.filled")).to_have_count(2)
    expect(page.locator(".result")).to_be_visible()


def test_leaving_asks_as_long_as_something_would_be_lost(page: Page, session_pictures: dict[str, Path]) -> None:
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))

    def leave() -> int:
        before = len(asked)
        page.mouse.click(5, 400)  # a page that nobody touched may not ask
        page.evaluate("() => { setTimeout(() => location.reload(), 0); }")
        page.wait_for_timeout(500)
        return len(asked) - before

    go_to(page, "examination")
    page.set_input_files("input[data-field=rest]", session_pictures["rest"])
    expect(page.locator(".pose-card.filled")).to_have_count(1)
    assert leave() == 1
    page.locator("#examine").click()
    expect(page.locator(".result")).to_be_visible(timeout=ANSWER_LIMIT_MS)
    assert leave() == 1
    page.locator("#new-examination").click()
    assert asked[-1] == "confirm"
    expect(page.locator(".result")).to_be_visible()  # it was not confirmed
    with page.expect_download():
        page.locator(".save-json").click()
    assert leave() == 0
    page.wait_for_selector("html[data-ready]")
    expect(page.locator(".pose-card.filled")).to_have_count(0)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [("NotAllowedError", "not allowed to use the camera"), ("NotFoundError", "No camera is found"),
     ("NotReadableError", "another program uses it"), (None, "https")],
)  # fmt: skip
def test_without_a_camera_there_is_a_sentence_and_a_way_back(page: Page, reason: str | None, sentence: str) -> None:
    refuse = f"{{ getUserMedia: async () => {{ throw new DOMException('raw words', '{reason}'); }} }}"
    value = refuse if reason else "undefined"
    page.evaluate(f"() => Object.defineProperty(navigator, 'mediaDevices', {{ value: {value} }})")
    go_to(page, "examination")
    for way in ("#guide", "#record", ".cards [data-pose=snarl] [data-tool=camera]"):
        page.locator(way).click()
        expect(page.locator("#camera-problem")).to_contain_text(sentence)
        expect(page.locator("#camera-problem")).not_to_contain_text("raw words")
        expect(page.locator("#camera button:visible")).to_have_count(1)
        page.locator("#camera-close").click()
        expect(page.locator("#camera")).to_be_hidden()


def test_the_camera_that_was_closed_does_not_look_on_in_the_next_way(page: Page) -> None:
    go_to(page, "examination")
    page.locator("#guide").click()
    expect(page.locator("#camera-checks [data-check=face]")).to_have_class("good", timeout=ANSWER_LIMIT_MS)
    page.locator("#camera-take").click()
    expect(page.locator("#camera-step")).to_have_text("Movement 2 of 8")
    page.locator("#camera-back").click()  # the eyes were closed: once more
    expect(page.locator("#camera-title")).to_have_text("At rest")
    expect(page.locator("#camera-back")).to_be_disabled()
    page.locator("#camera-skip").click()
    expect(page.locator(".cards [data-pose=rest]")).to_have_class("pose-card filled")  # what there is stays
    expect(page.locator("#camera-step")).to_have_text("Movement 2 of 8")
    page.locator("#camera-close").click()
    expect(page.locator("#guide")).to_have_text("Go on with the camera (7 left)")
    page.locator("#record").click()
    page.locator("#camera-take:enabled").click()
    expect(page.locator("#camera-step")).to_contain_text("Recording, step 1")
    page.wait_for_timeout(2500)  # two looks of the way that was closed
    expect(page.locator("#camera-checks li")).to_have_count(0)
    page.locator("#camera-close").click()


def test_a_set_and_bars_that_disagree_are_explained(page: Page, session_pictures: dict[str, Path]) -> None:
    with page.expect_response("**/v1/palsy/assess**") as answered:
        examine(page, session_pictures.values())
    found = answered.value.json()
    sum_of_set = sum(found["probabilities"][grade] for grade in found["grade"]["prediction_set"])
    expect(page.locator(".result .bar-row.in-set")).to_have_count(len(found["grade"]["prediction_set"]))
    expect(page.locator(".result .bars-short")).to_have_count(int(sum_of_set < found["grade"]["coverage"]))


def test_going_to_another_view_and_back_finds_the_result_where_it_was(
    page: Page, session_pictures: dict[str, Path]
) -> None:
    examine(page, session_pictures.values())
    page.wait_for_timeout(300)
    before = page.evaluate("() => scrollY")
    assert before > 0
    page.locator(".to-follow-up").click()
    expect(page.locator("#follow-up")).to_be_visible()
    expect(page.locator(".visit-list")).to_contain_text("Add the file of another one")
    page.wait_for_function("() => scrollY === 0")
    page.go_back()
    expect(page.locator(".result")).to_be_visible()
    page.wait_for_function(f"() => scrollY === {before}")
