"""What can be wrong with a photograph, as exceptions a person can act on.

These are domain errors: they know nothing of HTTP. `code` is the stable, machine-readable name that the API publishes;
the message says what was found, with the value, and what to do about it. No message ever carries pixels, landmarks or a
file name.
"""

from __future__ import annotations

from typing import ClassVar


class PreprocessingError(Exception):
    """Base of everything that the input, rather than the program, is to blame for."""

    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class EmptyImage(PreprocessingError):
    """No bytes at all."""

    code = "empty-image"


class UndecodableImage(PreprocessingError):
    """The bytes begin like a supported image but cannot be turned into pixels."""

    code = "undecodable-image"


class ImageTooLarge(PreprocessingError):
    """More bytes, more pixels or a longer side than the limits allow."""

    code = "image-too-large"


class UnsupportedMediaType(PreprocessingError):
    """The bytes are no picture of a type that is read."""

    code = "unsupported-media-type"


class UndecodableClip(PreprocessingError):
    """The bytes begin like a clip but give no pictures that follow each other."""

    code = "undecodable-clip"


class ClipTooLarge(PreprocessingError):
    """More bytes, larger pictures or more pixels in all than the limits allow."""

    code = "clip-too-large"


class ClipTooLong(PreprocessingError):
    """It lasts longer, or has more pictures or more of them a second, than the limits allow."""

    code = "clip-too-long"


class UnsupportedCodec(PreprocessingError):
    """A clip whose pictures are coded in a way that is not read."""

    code = "unsupported-codec"


class NoFace(PreprocessingError):
    """No face was found."""

    code = "no-face"


class MultipleFaces(PreprocessingError):
    """Several faces where exactly one is wanted."""

    code = "multiple-faces"


class FaceTooSmall(PreprocessingError):
    """The face has too few pixels to be judged."""

    code = "face-too-small"


class FaceTurnedAway(PreprocessingError):
    """The face is turned so far that its two halves cannot be compared."""

    code = "face-turned-away"


class FaceCovered(PreprocessingError):
    """Something hides what a grade is read off, or the picture's border cuts it."""

    code = "face-covered"


class DifferentFaces(PreprocessingError):
    """Onset and apex do not show the same face."""

    code = "different-faces"


class HeadTurned(PreprocessingError):
    """The head turned too far between onset and apex."""

    code = "head-turned"


class MovementTooLarge(PreprocessingError):
    """The face moves more between onset and apex than in a micro-expression."""

    code = "movement-too-large"


class NoMotion(PreprocessingError):
    """Nothing moves between onset and apex, or less than noise could feign."""

    code = "no-motion"


class OutOfDistribution(PreprocessingError):
    """The face is too unlike those that the model has learned from: a refusal that only the model can give."""

    code = "out-of-distribution"


class NoUsablePicture(PreprocessingError):
    """Of an examination's pictures, none can be used."""

    code = "no-usable-picture"


class DifferentPeople(PreprocessingError):
    """The pictures of an examination do not seem to show one person."""

    code = "different-people"


class InvalidLimits(ValueError):
    """Thresholds that no answer can be held against: the bundle or the checkpoint is to blame, not the photograph."""


class NoImages(ValueError):
    """A path that leads to no image file."""
