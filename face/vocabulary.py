"""The words of the domain, once: what service, training, export and documents call things.

Each word list stands twice in one place: as a type, for mypy and the OpenAPI document, and as a tuple in the order of
the models' outputs. Sides are the patient's.
"""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["palsy", "microexpression", "palsy-session"]

# Which half of a face is weak, in the order of the graph's `side_logits`.
Side = Literal["left", "right", "none"]
SIDES: tuple[Side, ...] = get_args(Side)

# House JW, Brackmann DE. Facial nerve grading system. Otolaryngol Head Neck Surg 1985;93:146-7. Mildest first.
HouseBrackmann = Literal["I", "II", "III", "IV", "V", "VI"]
HOUSE_BRACKMANN: tuple[HouseBrackmann, ...] = get_args(HouseBrackmann)

# The parts of a face whose asymmetry is scored; `nose` is the midface.
Region = Literal["forehead", "eye", "nose", "mouth"]
REGIONS: tuple[Region, ...] = get_args(Region)

# The four regions that the networks look at and that answers outline: row by row as seen on the unmirrored photograph,
# where the left column of the picture is the patient's right.
OutlinedRegion = Literal["right_eye", "left_eye", "right_lip", "left_lip"]
OUTLINED_REGIONS: tuple[OutlinedRegion, ...] = get_args(OutlinedRegion)

# The five maps of where a model looked, in the order of the graph's `roi_maps`.
RegionOfInterest = Literal["forehead", "left_eye", "nose", "right_eye", "mouth"]
REGIONS_OF_INTEREST: tuple[RegionOfInterest, ...] = get_args(RegionOfInterest)

# The parts of a face that are seen or not; each eye and each half of the mouth for itself, as they are compared.
VisibleRegion = Literal["forehead", "left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
VISIBLE_REGIONS: tuple[VisibleRegion, ...] = get_args(VisibleRegion)

# The three classes that the micro-expression data sets share, in the order of the graph's `emotion_logits`.
Emotion = Literal["negative", "positive", "surprise"]
EMOTIONS: tuple[Emotion, ...] = get_args(Emotion)

# What else can move between two frames of a face: an emotion is named for an expression alone.
MovementKind = Literal["expression", "blink", "speech", "gaze", "head", "none"]
MOVEMENT_KINDS: tuple[MovementKind, ...] = get_args(MovementKind)

# What a face is asked to do for an examination.
Pose = Literal[
    "rest", "brow_lift", "gentle_closure", "tight_closure", "closed_smile", "full_smile", "snarl", "pucker"
]  # fmt: skip
POSES: tuple[Pose, ...] = get_args(Pose)

# What a face may be asked to do, as far as one photograph tells it, in the order of the graph's `movement_logits`.
Movement = Literal["rest", "brow", "eyes", "mouth"]
MOVEMENTS: tuple[Movement, ...] = get_args(Movement)

# Several faces in a photograph: an error, or judge the largest one.
FacePolicy = Literal["single", "largest"]
