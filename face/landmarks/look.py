"""What one or two looks at a picture gave of the face that is judged.

A second look, at the mirrored picture, gives landmarks without the network's own preference for a side. The landmarks
of a mirrored photograph are not the mirror image of its landmarks: on simulated faces the antisymmetric parts differ by
0.006 inter-ocular distances (root mean square), half of what all palsies of the simulator do to it. The mean of both
looks has no preferred side, and the mirrored photograph gets the mirrored mean by construction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from face.landmarks.found_face import Face


@dataclass(frozen=True, eq=False)
class Look:
    """face: the mean of both looks, or the one look where only one was asked for or saw a face. quarter_turns: the
    face stands upright, and its points lie, in the picture turned counter-clockwise by so many times 90 degrees
    (`numpy.rot90`). disagreement: root mean square distance of the two looks' landmarks in the picture, in inter-ocular
    distances; None where there is one look only. certainty: the network's logit that a face is there, the smaller of
    both looks'.
    """

    face: Face
    quarter_turns: int = 0
    disagreement: float | None = None
    certainty: float = math.inf

    @classmethod
    def mean(cls, first: Face, second: Face) -> Look:
        """second: of the look at the mirrored picture, brought back."""
        face = Face(
            points=(first.points + second.points) / np.float32(2),
            pose=(first.pose + second.pose) / np.float32(2),
            image_width=first.image_width,
            image_height=first.image_height,
        )
        squares = ((second.points - first.points)[:, :2] ** 2).sum(axis=1)
        disagreement = float(np.sqrt(squares.mean())) / face.interocular_px
        return cls(face=face, disagreement=disagreement)
