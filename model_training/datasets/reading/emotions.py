"""From emotion words to the classes of the micro-expression benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from face.vocabulary import EMOTIONS
from model_training.errors import TrainingError

_SYNONYMS = {
    "happy": "happiness",
    "sad": "sadness",
    "other": "others",
    "fearful": "fear",
    "angry": "anger",
    "disgusted": "disgust",
    "surprised": "surprise",
}
_NEGATIVE = ("repression", "anger", "contempt", "disgust", "fear", "sadness")


@dataclass(frozen=True)
class EmotionScheme:
    """labels in order (1 first) and the class of each emotion word; words that are not in it are dropped."""

    labels: tuple[str, ...]
    classes: Mapping[str, str]

    def label(self, emotion: object) -> int | None:
        word = str(emotion or "").strip().lower()
        name = self.classes.get(_SYNONYMS.get(word, word))
        return None if name is None else self.labels.index(name) + 1


_THREE = {**dict.fromkeys(_NEGATIVE, "negative"), "happiness": "positive", "surprise": "surprise"}
_SEVEN = ("disgust", "surprise", "others", "fear", "anger", "sadness", "happiness")
SCHEMES: Mapping[str, EmotionScheme] = {
    "three": EmotionScheme(EMOTIONS, _THREE),
    # MEGC2019 composite: of CASME II's negative emotions only disgust and repression.
    "megc2019-casme2": EmotionScheme(
        EMOTIONS, {"disgust": "negative", "repression": "negative", "happiness": "positive", "surprise": "surprise"}
    ),
    "four": EmotionScheme((*EMOTIONS, "others"), {**_THREE, "others": "others"}),
    "seven": EmotionScheme(_SEVEN, {name: name for name in _SEVEN}),
}


def scheme(name: str) -> EmotionScheme:
    if name not in SCHEMES:
        raise TrainingError(f"unknown class scheme {name!r}; there are {', '.join(SCHEMES)}")
    return SCHEMES[name]
