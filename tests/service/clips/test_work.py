from __future__ import annotations

import pytest

from service.api.errors import problem_of
from service.clips.errors import ClientLeft, ClipOverran, ClipsBusy
from service.clips.work import ClipWork
from service.problems import PROBLEMS


def test_the_last_news_are_kept() -> None:
    work = ClipWork(timeout_s=60)
    assert work.news is None
    work.tell("movements", 0.25)
    work.tell("movements", 0.5)
    assert work.news == ("movements", 0.5)


def test_work_that_is_given_up_ends_at_the_next_picture() -> None:
    work = ClipWork(timeout_s=60)
    work.give_up()
    with pytest.raises(ClientLeft):
        work.tell("movements", 0.5)


def test_work_beyond_its_time_ends_with_a_sentence() -> None:
    with pytest.raises(ClipOverran, match=r"longer than 0 s\. Cut it") as caught:
        ClipWork(timeout_s=0).tell("movements", 0.5)
    code, detail = problem_of(caught.value)
    assert (PROBLEMS[code].status, detail) == (422, caught.value.message)


def test_no_place_for_a_clip_is_a_503() -> None:
    code, _ = problem_of(ClipsBusy("1 clips are being decoded"))
    assert PROBLEMS[code].status == 503
