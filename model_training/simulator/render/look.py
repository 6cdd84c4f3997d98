"""Random appearance: skin, hair, brows, beard, glasses, eyes, teeth, light, and what the face's movement creases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_training.simulator.head.head import UNIT_SIDES
from model_training.simulator.palsy import tone_lost
from model_training.simulator.patient import Palsy

Colour = tuple[float, float, float]

# Linear reflectances of the lightest and the darkest skin; tones between them lie on the line.
LIGHTEST_SKIN = np.array([0.82, 0.60, 0.49])
DARKEST_SKIN = np.array([0.16, 0.085, 0.055])
LIGHTEST_LIPS = np.array([0.62, 0.24, 0.22])
DARKEST_LIPS = np.array([0.18, 0.075, 0.065])
HAIR_COLOURS = {
    "black": (0.020, 0.017, 0.015),
    "brown": (0.10, 0.055, 0.03),
    "blond": (0.34, 0.23, 0.11),
    "red": (0.26, 0.09, 0.03),
    "grey": (0.38, 0.37, 0.36),
}
IRIS_COLOURS = {"brown": (0.10, 0.05, 0.02), "blue": (0.12, 0.22, 0.35), "green": (0.15, 0.22, 0.12)}
DARK_IRIS = (0.06, 0.03, 0.013)

# Height of the base mesh's shoulders: hair cut there is at its longest.
SHORT_HAIR_M = 9.0


@dataclass(frozen=True)
class Person:
    """What of the appearance stays the same in all photographs of a person. Colours are linear RGB.

    tone: 0 (lightest) .. 1 (darkest). glasses: index of a frame or None. hair_length_m: where long hair ends in
    the base mesh's height; SHORT_HAIR_M for none.
    """

    tone: float
    skin: Colour
    lips: Colour
    hair: Colour
    brow: Colour
    beard_colour: Colour
    iris: Colour
    teeth: Colour
    glasses_colour: Colour
    glasses: int | None
    lens_tint: float
    hair_length_m: float
    hairline_m: float
    temple_hair: float
    beard: float
    moustache: float
    brow_thickness_m: float
    brow_height_m: float
    brow_density: float
    brow_arch_m: float
    blotches: float
    spots: float
    wrinkles: float
    texture_seed: float

    @property
    def skin_type(self) -> int:
        """Skin type 1 (lightest) .. 6 (darkest), Fitzpatrick's number of types on equal steps of tone."""
        return 1 + min(5, int(self.tone * 6))


@dataclass(frozen=True)
class Light:
    """The light of one photograph; direction in camera space (x right, y up, z towards the camera)."""

    direction: Colour
    colour: Colour
    key: float
    ambient: float
    fill: float
    shadow: float
    gloss: float


@dataclass(frozen=True)
class Creases:
    """Strength 0 .. 1 of the lines that muscles draw, for the patient's (left, right)."""

    forehead: tuple[float, float] = (0.0, 0.0)
    nose_fold: tuple[float, float] = (0.15, 0.15)
    crow_feet: tuple[float, float] = (0.0, 0.0)
    frown: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Look:
    """Everything the renderer needs beside the shape and the camera."""

    person: Person
    light: Light
    creases: Creases
    pupil_rad: float = 0.19
    # Angle of the iris's edge on the eyeball. The head data's eyeball is larger than a real one (radius 17 mm), and at
    # this default so is the iris; sessions draw it at its true width, since it is the scale of their millimetres.
    iris_rad: float = 0.44


def sample_person(rng: np.random.Generator, *, age_years: float) -> Person:
    """Draw an appearance for a person of this age."""
    tone = float(rng.random())
    skin = ((1 - tone) * LIGHTEST_SKIN + tone * DARKEST_SKIN) ** rng.uniform(1.05, 1.25) * rng.uniform(0.88, 1.06)
    skin = skin * np.array([1.0, rng.uniform(0.95, 1.04), rng.uniform(0.92, 1.06)])
    lips = ((1 - tone) * LIGHTEST_LIPS + tone * DARKEST_LIPS) * rng.uniform(0.85, 1.15)
    # Unpainted lips are closer to the skin.
    lips = lips * 0.6 + skin * 0.4 * np.array([1.0, 0.75, 0.75]) if rng.random() < 0.6 else lips
    hair = _hair_colour(tone, age_years, rng)
    bearded, moustached = _beard(rng)
    brow = hair * 0.8 if age_years < 60 else hair * rng.uniform(0.4, 0.9)
    iris = IRIS_COLOURS[("brown", "blue", "green")[rng.choice(3, p=[0.55, 0.28, 0.17])]] if tone < 0.5 else DARK_IRIS
    whiteness = rng.uniform(0.62, 0.90)
    frame = np.array([0.02, 0.02, 0.022]) if rng.random() < 0.6 else rng.uniform(0.05, 0.5, 3)
    return Person(
        tone=tone,
        skin=_colour(skin),
        lips=_colour(lips),
        hair=_colour(hair),
        brow=_colour(brow),
        beard_colour=_colour(hair * rng.uniform(0.7, 1.1)),
        iris=_colour(np.array(iris) * rng.uniform(0.7, 1.4)),
        teeth=_colour(np.array([whiteness, whiteness * 0.95, whiteness * rng.uniform(0.72, 0.90)])),
        glasses_colour=_colour(frame),
        glasses=int(rng.integers(4)) if rng.random() < 0.2 else None,
        lens_tint=float(rng.uniform(0.02, 0.10)),
        hair_length_m=float(rng.uniform(0.50, 0.70)) if rng.random() < 0.35 else SHORT_HAIR_M,
        hairline_m=float(rng.uniform(0.785, 0.803) + (rng.uniform(0, 0.05) if rng.random() < 0.2 else 0.0)),
        temple_hair=float(rng.uniform(0.2, 0.7)),
        beard=bearded,
        moustache=moustached,
        brow_thickness_m=float(rng.uniform(0.0022, 0.0052)),
        brow_height_m=float(rng.normal(0, 0.0012)),
        brow_density=float(rng.uniform(0.55, 1.1)),
        brow_arch_m=float(rng.uniform(0.0040, 0.0075)),
        blotches=float(rng.uniform(0.05, 0.22)),
        spots=float(rng.uniform(0.05, 0.35)) if rng.random() < 0.25 else 0.0,
        wrinkles=float(np.clip((age_years - 25) / 55 + rng.normal(0, 0.15), 0, 1)),
        texture_seed=float(rng.random()),
    )


def sample_light(rng: np.random.Generator) -> Light:
    """Draw the light of one photograph: from flat room light to a hard lamp from the side."""
    direction = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.15, 0.95), 1.0])
    direction /= np.linalg.norm(direction)
    warmth = rng.uniform(0.80, 1.0)
    colour = np.array([1.0, 0.5 + 0.5 * warmth, warmth]) if rng.random() < 0.7 else np.array([warmth, 0.97, 1.0])
    return Light(
        direction=_colour(direction),
        colour=_colour(colour),
        key=float(rng.uniform(0.35, 0.85)),
        ambient=float(rng.uniform(0.28, 0.60)),
        fill=float(rng.uniform(0.0, 0.30)),
        shadow=float(rng.uniform(0.3, 1.0)) if rng.random() < 0.75 else 0.0,
        gloss=float(rng.uniform(0.3, 2.0)),
    )


def creases_of(weights: dict[str, float], palsy: Palsy, *, wrinkles: float) -> Creases:
    """Lines of the skin that follow from the movement: raised brows, smile, frown and closing; flat where tone is
    lost."""

    def amount(unit: str, side: str) -> float:
        return max(0.0, weights.get(unit + side, 0.0))

    forehead, fold, feet, frown = [], [], [], []
    for side in UNIT_SIDES:
        severity = palsy.affected.get(side)
        # A face without tone is smooth.
        flat = 1.0 if severity is None else 1 - 0.8 * tone_lost(severity.mouth)
        forehead.append(flat * (0.30 * wrinkles + (0.35 + 0.6 * wrinkles) * amount("browOuterUp", side)))
        folded = 0.5 * wrinkles + 0.8 * amount("mouthSmile", side) + 0.6 * amount("noseSneer", side)
        fold.append(
            flat * (folded + 0.3 * amount("mouthUpperUp", side) + 0.6 * palsy.contracture * (severity is not None))
        )
        feet.append(wrinkles * (0.15 + 0.7 * amount("cheekSquint", side) + 0.6 * amount("eyeSquint", side)))
        frown.append(0.25 * wrinkles * flat + 0.9 * amount("browDown", side))

    def both(strengths: list[float]) -> tuple[float, float]:
        left, right = (float(np.clip(value, 0, 1)) for value in strengths)
        return left, right

    return Creases(both(forehead), both(fold), both(feet), both(frown))


def sample_gaze(rng: np.random.Generator) -> dict[str, float]:
    """Face-unit weights of a look past the camera; both eyes together."""
    across, up = np.clip(rng.normal(0, [0.12, 0.10]), -0.5, 0.5)
    first, second = ("In", "Out") if across > 0 else ("Out", "In")
    vertical = "Up" if up > 0 else "Down"
    return {
        f"eyeLook{first}Left": abs(float(across)),
        f"eyeLook{second}Right": abs(float(across)),
        f"eyeLook{vertical}Left": abs(float(up)),
        f"eyeLook{vertical}Right": abs(float(up)),
    }


def _hair_colour(tone: float, age_years: float, rng: np.random.Generator) -> np.ndarray:
    names = ("black", "brown", "blond", "red") if tone < 0.45 else ("black", "brown")
    shares = [0.30, 0.42, 0.22, 0.06] if tone < 0.45 else [0.85, 0.15]
    hair = np.array(HAIR_COLOURS[names[rng.choice(len(names), p=shares)]]) * rng.uniform(0.7, 1.3)
    grey = np.clip((age_years - 45) / 40 + rng.normal(-0.1, 0.25), 0, 1)
    return np.asarray((1 - grey) * hair + grey * np.array(HAIR_COLOURS["grey"]) * rng.uniform(0.6, 1.4))


def _beard(rng: np.random.Generator) -> tuple[float, float]:
    """Density of beard and moustache: most people none, some stubble, some full."""
    kind = rng.choice(5, p=[0.68, 0.12, 0.10, 0.05, 0.05])
    if kind == 0:
        return 0.0, 0.0
    if kind == 1:
        stubble = float(rng.uniform(0.15, 0.4))
        return stubble, stubble
    if kind == 2:
        full = float(rng.uniform(0.7, 1.0))
        return full, full
    if kind == 3:
        return 0.0, float(rng.uniform(0.5, 1.0))
    return float(rng.uniform(0.5, 1.0)), 0.0


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = np.clip(values, 0, 1)
    return float(red), float(green), float(blue)
