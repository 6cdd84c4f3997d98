"""What the shaders are told about a look: uniform values, and the view from the light for the shadow map."""

from __future__ import annotations

import numpy as np

from model_training.simulator.render.look import Look

# The shadow map covers a cube of this half side round the head.
SHADOW_REACH_M = 0.19


def uniforms_of(look: Look) -> dict[str, object]:
    """Name of a uniform in face.frag -> its value."""
    person, light, creases = look.person, look.light, look.creases
    return {
        "skin_colour": person.skin,
        "lip_colour": person.lips,
        "brow_colour": person.brow,
        "hair_colour": person.hair,
        "beard_colour": person.beard_colour,
        "iris_colour": person.iris,
        "teeth_colour": person.teeth,
        "glasses_colour": person.glasses_colour,
        "lens_tint": person.lens_tint,
        "hair_length": person.hair_length_m,
        "hairline": person.hairline_m,
        "temple_hair": person.temple_hair,
        "beard_density": person.beard,
        "moustache_density": person.moustache,
        "brow_thickness": person.brow_thickness_m,
        "brow_height": person.brow_height_m,
        "brow_density": person.brow_density,
        "brow_arch": person.brow_arch_m,
        "blotches": person.blotches,
        "spots": person.spots,
        "texture_seed": person.texture_seed,
        "light_direction": light.direction,
        "light_colour": light.colour,
        "key_light": light.key,
        "ambient_light": light.ambient,
        "fill_light": light.fill,
        "shadow_depth": light.shadow,
        "gloss": light.gloss,
        "pupil": look.pupil_rad,
        "iris_edge": look.iris_rad,
        "forehead_lines": creases.forehead,
        "nose_fold": creases.nose_fold,
        "crow_feet": creases.crow_feet,
        "frown_lines": creases.frown,
    }


def light_matrix(look: Look, model_view: np.ndarray) -> np.ndarray:
    """(4, 4) camera space -> clip space of an orthographic view from the light, round the middle of the head."""
    middle = model_view[:3, 3] + model_view[:3, :3] @ np.array([0.0, 0.04, -0.02])
    towards = np.array(look.light.direction)
    right = np.cross([0.0, 1.0, 0.0], towards)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(towards, right), -towards])
    matrix = np.eye(4)
    matrix[:3, :3] = axes / SHADOW_REACH_M
    matrix[:3, 3] = -matrix[:3, :3] @ middle
    return matrix
