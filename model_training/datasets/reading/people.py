"""Who is who: one person spelt in two ways must not end up on two sides of a split."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from model_training.errors import TrainingError

# What cameras, phones and programs call any picture, whoever it shows.
_CAMERA_NAMES = re.compile(
    r"(img|dsc[nf]?|_?dsc|mvimg|pxl|pict?|image|photo|foto|picture|bild|scan|screenshot|whatsapp image|cam|file)"
    r"[\s_.-]*[\d\s_.-]*",
    re.IGNORECASE,
)
FEWEST_PEOPLE = 5
LARGEST_SHARE = 1 / 3
MANY_GRADES = 4
# Fewer in a split than this, and its figures are about who they happen to be.
FEW_PEOPLE = 10


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


def doubtful_people(people: Sequence[str], labels: Sequence[int]) -> str:
    """Why ids out of file names are hardly people, or nothing. people without the data set's prefix; labels: theirs,
    row by row."""
    frame = pd.DataFrame({"person": list(people), "label": list(labels)})
    names = sorted(set(people))
    camera = [name for name in names if _CAMERA_NAMES.fullmatch(name)]
    shares = frame["person"].value_counts(normalize=True)
    grades = frame.groupby("person")["label"].nunique()
    if camera:
        return f"{', '.join(map(repr, camera[:3]))} are what a camera calls its files, not people"
    if len(names) < FEWEST_PEOPLE:
        return f"there would be {len(names)} people only: {', '.join(map(repr, names))}"
    if shares.iloc[0] > LARGEST_SHARE:
        return f"{shares.index[0]!r} would hold {shares.iloc[0]:.0%} of all pictures"
    if grades.max() >= MANY_GRADES:
        return f"{grades.idxmax()!r} would have {grades.max()} different grades"
    return ""


def refuse_doubtful_people(people: Sequence[str], labels: Sequence[int], *, chosen: bool) -> list[str]:
    """Raises TrainingError for ids that are hardly people: a split by them puts one person on both sides. Where the
    user chose how to read them (chosen), the doubt is a note."""
    doubt = doubtful_people(people, labels)
    if doubt and not chosen:
        raise TrainingError(
            f"the file names do not say who is who: {doubt}. Splits are by person, so say it: --stem with a regular "
            "expression for the file name, e.g. --stem '(?P<person>[^-]+)-.*', or a --table with --person-column. If "
            "the names are right, repeat the default: --stem '(?P<person>[^_]+)(_.*)?'"
        )
    return [f"doubtful people: {doubt}"] if doubt else []


def how_many(people: int) -> str:
    return "1 person" if people == 1 else f"{people} people"


def what_so_few_can_say(frame: pd.DataFrame, *, labels: Sequence[str]) -> list[str]:
    """Notes about a table or a split with so few people or classes that its figures will say little."""
    notes = []
    if frame["label"].nunique() == 1:
        only = labels[int(frame["label"].iloc[0]) - 1]
        notes.append(f"all rows have one class, {only}: nothing can be learned or judged on them alone")
    for name, part in frame[frame["split"].isin(("validation", "test"))].groupby("split"):
        people, classes = part["person_id"].nunique(), part["label"].nunique()
        if people < FEW_PEOPLE:
            notes.append(
                f"{name} has {how_many(people)} and {classes} of {len(labels)} classes: its figures say little, and "
                "macro averages least; cross-validation (`crossval`, `loso`) uses everybody"
            )
    return notes
