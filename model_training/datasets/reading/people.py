"""Who is who: one person spelt in two ways must not end up on two sides of a split."""

from __future__ import annotations

import re

import pandas as pd


def plain_person(person: str) -> str:
    """The spelling that `sub01`, `Sub1` and `sub001 ` share: case, blanks, separators and leading zeros do not
    count."""
    joined = re.sub(r"[\s_.-]+", "", person.strip().lower())
    return re.sub(r"\d+", lambda digits: str(int(digits.group())), joined)


def person_number(text: object) -> int | None:
    """The number in a subject's name (`sub01`, `s1`, `spNO.01`, 6, `006`, 6.0), or None."""
    if isinstance(text, float) and text.is_integer():
        return int(text)
    found = re.findall(r"\d+", re.sub(r"\.0$", "", str(text)))
    return int(found[-1]) if found else None


def same_person_spellings(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give all spellings of a person the id met first; say which were joined."""
    first: dict[str, str] = {}
    ids, joined = [], {}
    for person in frame["person_id"]:
        kept = first.setdefault(plain_person(person), person)
        if kept != person:
            joined[person] = kept
        ids.append(kept)
    notes = [f"{other!r} and {kept!r} are one person, spelt in two ways" for other, kept in joined.items()]
    return frame.assign(person_id=ids), notes
