"""One simulated photograph: everything that is drawn for it, and the row of the table that tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from face.palsy.severity import overall_severity
from model_training.simulator.asymmetry_map import render_asymmetry
from model_training.simulator.head.head import Head
from model_training.simulator.head.identity import Identity, sample_identity
from model_training.simulator.patient import Palsy, movement_weights, sample_effort, sample_palsy
from model_training.simulator.poses import MOVEMENTS, Pose
from model_training.simulator.render.camera import Camera, sample_camera
from model_training.simulator.render.look import Look, Person, creases_of, sample_gaze, sample_light, sample_person
from model_training.simulator.render.renderer import Renderer
from model_training.simulator.sensor import expose, sample_background

# Share of photographs in which a wearer of glasses has them on.
GLASSES_ON_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class Subject:
    """A simulated person."""

    identity: Identity
    person: Person


@dataclass(frozen=True, eq=False)
class Shot:
    """What one photograph shows; `vertices` is the moved face (N, 3)."""

    subject: Subject
    pose: Pose
    palsy: Palsy
    effort: float
    vertices: np.ndarray
    look: Look
    camera: Camera

    def row(self) -> dict[str, object]:
        """The truth about this photograph, in the columns of the sample table."""
        severity, camera = self.palsy.severity, self.camera
        overall = overall_severity(severity)
        return {
            "label": self.palsy.grade,
            "side": self.palsy.side,
            "pose": self.pose.name,
            "severity": overall,
            **{f"severity_{region}": value for region, value in severity.as_dict().items()},
            "effort": self.effort,
            "natural_asymmetry": self.subject.identity.natural_asymmetry,
            "bilateral": len(self.palsy.affected) == 2,
            "contracture": self.palsy.contracture,
            "synkinesis": self.palsy.synkinesis if self.palsy.affected else 0.0,
            "skin_tone": str(self.subject.person.skin_type),
            "age_years": self.subject.identity.age_years,
            "glasses": self.look.person.glasses is not None,
            "beard": max(self.subject.person.beard, self.subject.person.moustache),
            "yaw_deg": camera.yaw_deg,
            "pitch_deg": camera.pitch_deg,
            "roll_deg": camera.roll_deg,
        }


def sample_subject(head: Head, rng: np.random.Generator) -> Subject:
    """Draw a person: shape first, then appearance."""
    identity = sample_identity(head, rng)
    return Subject(identity, sample_person(rng, age_years=identity.age_years))


def sample_shot(
    head: Head,
    subject: Subject,
    rng: np.random.Generator,
    *,
    pose: Pose | None = None,
    palsy: Palsy | None = None,
    camera: Camera | None = None,
    effort: float | None = None,
) -> Shot:
    """Draw a photograph of a person; what is given is not drawn.

    Every photograph is a visit of its own: side and severity are drawn anew for each, so that a model cannot learn
    them from the person.
    """
    pose = pose or MOVEMENTS[list(MOVEMENTS)[rng.integers(len(MOVEMENTS))]]
    palsy = palsy if palsy is not None else sample_palsy(rng)
    effort = sample_effort(rng) if effort is None else effort
    weights = movement_weights(
        pose, palsy, effort=effort, natural_asymmetry=subject.identity.natural_asymmetry, rng=rng
    )
    creases = creases_of(weights, palsy, wrinkles=subject.person.wrinkles)
    for unit, weight in sample_gaze(rng).items():
        weights[unit] = weights.get(unit, 0.0) + weight
    person = subject.person
    if rng.random() >= GLASSES_ON_SHARE:
        person = replace(person, glasses=None)
    return Shot(
        subject=subject,
        pose=pose,
        palsy=palsy,
        effort=effort,
        vertices=head.deform(subject.identity.vertices, weights),
        look=Look(person, sample_light(rng), creases, pupil_rad=float(rng.uniform(0.13, 0.26))),
        camera=camera or sample_camera(rng),
    )


def photograph(renderer: Renderer, shot: Shot, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Render -> (size, size, 3) uint8 RGB as the camera sees it, and the true asymmetry map (float32, inter-ocular
    units)."""
    background = sample_background(rng, renderer.size_px)
    picture = renderer.render(shot.vertices, shot.look, shot.camera, background)
    return expose(picture, rng), render_asymmetry(renderer, shot.vertices, shot.camera)
