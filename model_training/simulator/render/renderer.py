"""Rendering on the CPU: OpenGL through a surfaceless EGL context (Mesa's llvmpipe where there is no graphics card).

Order of the passes: the shadow map from the light, the opaque surfaces, then lashes and lenses, which let light
through.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from model_training.simulator.head.head import EYE, HAIR, HEAD_DATA, LASH, SKIN, TEETH, TONGUE, Head
from model_training.simulator.render.camera import Camera
from model_training.simulator.render.glasses import FRAMES, LENS, Glasses, fit_glasses
from model_training.simulator.render.look import SHORT_HAIR_M, Look
from model_training.simulator.render.own_context import in_own_context
from model_training.simulator.render.shader_inputs import light_matrix, uniforms_of

if TYPE_CHECKING:
    import moderngl

    # A buffer, the layout of its numbers and the names of the attributes they are.
    Attributes = tuple[moderngl.Buffer, str, *tuple[str, ...]]

SHADERS = Path(__file__).parent / "shaders"

SHADOW_SIZE = 384
NOISE_SIZE = 32

# Materials with a shader of their own; teeth, tongue and the frame of glasses share one.
PLAIN = TEETH
SURFACE_KINDS = (SKIN, EYE, PLAIN, LASH, HAIR, LENS)

# Light falls nowhere and shades nothing: the value of an empty place in a value picture.
NOTHING = -1.0


class Renderer:
    """Draws faces of one head. Holds an OpenGL context: use it in the process and thread that made it.

    Several renderers may live in one process: each makes its context the current one before it draws.

    size_px: side of the square picture. Raises RuntimeError where no EGL context can be made.
    """

    def __init__(self, head: Head, *, size_px: int = 384) -> None:
        # Set before Mesa is loaded: no display, and one thread per process, since data sets run in several processes.
        os.environ.setdefault("EGL_PLATFORM", "surfaceless")
        os.environ.setdefault("LP_NUM_THREADS", "1")
        import moderngl

        if size_px < 16:
            raise ValueError(f"size_px must be at least 16, got {size_px}")
        settings: dict[str, Any] = {"backend": "egl"}
        try:
            self.context = moderngl.create_standalone_context(**settings)
        except Exception as error:
            raise RuntimeError(
                f"no OpenGL context could be made through EGL ({error}); "
                "on Debian install libegl1, libgl1 and libgl1-mesa-dri"
            ) from error
        self.head = head
        self.size_px = size_px
        context = self.context
        self._surfaces = {
            kind: context.program(
                vertex_shader=_shader("face.vert"),
                fragment_shader=f"#version 330\n#define KIND {kind}\n" + _shader("face.frag"),
            )
            for kind in SURFACE_KINDS
        }
        self._depth = context.program(vertex_shader=_shader("depth.vert"), fragment_shader=_shader("depth.frag"))
        self._value = context.program(vertex_shader=_shader("value.vert"), fragment_shader=_shader("value.frag"))
        corners = len(head.corner_vertex)
        self._positions = context.buffer(reserve=corners * 12, dynamic=True)
        self._normals = context.buffer(reserve=corners * 12, dynamic=True)
        self._values = context.buffer(reserve=corners * 4, dynamic=True)
        place = head.base[head.corner_vertex].copy()
        for vertices in head.eyeballs.values():
            on_eye = np.isin(head.corner_vertex, vertices)
            place[on_eye] -= head.base[vertices].mean(axis=0)
        fixed = np.concatenate([head.corner_uv, place, head.corner_material[:, None]], axis=1).astype(np.float32)
        painted: list[Attributes] = [
            (self._positions, "3f", "position"),
            (self._normals, "3f", "normal"),
            (context.buffer(fixed.tobytes()), "2f 3f 1f", "uv", "base", "material"),
        ]
        # Lashes after everything opaque, and the long hair only where someone wears it.
        self._skin = self._surface(SKIN, painted, self._indices(SKIN))
        self._eyes = self._surface(EYE, painted, self._indices(EYE))
        self._mouth = self._surface(PLAIN, painted, self._indices(TEETH, TONGUE))
        self._lashes = self._surface(LASH, painted, self._indices(LASH))
        self._long_hair = self._surface(HAIR, painted, self._indices(HAIR))
        self._shadow_casters = context.vertex_array(
            self._depth, [(self._positions, "3f", "position")], self._indices(SKIN)
        )
        self._valued = context.vertex_array(
            self._value,
            [(self._positions, "3f", "position"), (self._values, "1f", "value")],
            self._indices(SKIN, EYE, TEETH, TONGUE),
        )
        self._make_glasses()
        self._make_textures()
        self._picture = context.framebuffer(
            [context.renderbuffer((size_px, size_px), 4)], context.depth_renderbuffer((size_px, size_px))
        )
        self._value_pictures: dict[int, moderngl.Framebuffer] = {}

    def close(self) -> None:
        """Give the OpenGL context back."""
        self.context.release()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @in_own_context
    def render(
        self, vertices: np.ndarray, look: Look, camera: Camera | None = None, background: np.ndarray | None = None
    ) -> np.ndarray:
        """Draw a face (N, 3) -> (size, size, 3) uint8 RGB.

        background: (size, size, 3) RGB 0 .. 255, middle grey when not given; camera: frontal when not given.
        """
        camera = camera or Camera()
        context = self.context
        self._upload(vertices)
        glasses = look.person.glasses
        if glasses is not None:
            self._upload_glasses(vertices, glasses)
        model_view = camera.model_view(self.head, vertices)
        light_view = light_matrix(look, model_view)
        context.enable_only(context.DEPTH_TEST)
        context.disable(context.BLEND)
        if look.light.shadow > 0:
            _write(self._depth, "light_matrix", light_view @ model_view)
            self._shadow.use()
            self._shadow.clear()
            self._shadow_casters.render()
            if glasses is not None:
                self._frame_shadow.render()
        for name, value in uniforms_of(look).items():
            _set(self._surfaces, name, value)
        half = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])
        for program in self._surfaces.values():
            _write(program, "model_view", model_view)
            _write(program, "projection", camera.projection())
            _write(program, "light_view", half @ light_view)
        self._shadow_map.use(3)
        self._picture.use()
        context.clear(0, 0, 0, 0)
        # The skin is drawn last of the opaque surfaces, without its back: it is the dearest, and what it hides is
        # cheap.
        self._eyes.render()
        self._mouth.render()
        if look.person.hair_length_m < SHORT_HAIR_M:
            self._long_hair.render()
        if glasses is not None:
            self._frame.render()
        context.enable(context.CULL_FACE)
        self._skin.render()
        context.disable(context.CULL_FACE)
        context.enable(context.BLEND)
        # moderngl's types know two factors, OpenGL takes two more for the opacity.
        factors = (context.SRC_ALPHA, context.ONE_MINUS_SRC_ALPHA, context.ONE, context.ONE)
        context.blend_func = factors  # type: ignore[assignment]
        self._lashes.render()
        if glasses is not None:
            self._lenses.render()
        size = self.size_px
        drawn = np.frombuffer(self._picture.read(components=4, alignment=1), np.uint8).reshape(size, size, 4)[::-1]
        if background is None:
            background = np.full((size, size, 3), 128, np.float32)
        opacity = drawn[..., 3:].astype(np.float32) / 255
        # Smooth the outline of the head against the background; inside, the camera's own blur follows.
        opacity = np.minimum(opacity, cv2.blur(opacity, (3, 3))[..., None])
        blended = drawn[..., :3] * opacity + background * (1 - opacity)
        return np.clip(blended + 0.5, 0, 255).astype(np.uint8)

    @in_own_context
    def render_values(
        self, vertices: np.ndarray, values: np.ndarray, camera: Camera | None = None, *, size_px: int
    ) -> np.ndarray:
        """Draw one number per vertex (N,) -> (size_px, size_px) float32 of the nearest surface, NOTHING where none is.

        Hair, lashes and glasses are left out.
        """
        camera = camera or Camera()
        context = self.context
        corners = self.head.corner_vertex
        self._positions.write(np.ascontiguousarray(vertices[corners], np.float32))
        self._values.write(np.ascontiguousarray(values[corners], np.float32))
        _write(self._value, "model_view_projection", camera.projection() @ camera.model_view(self.head, vertices))
        if size_px not in self._value_pictures:
            size = (size_px, size_px)
            self._value_pictures[size_px] = context.framebuffer(
                [context.renderbuffer(size, 1, dtype="f4")], context.depth_renderbuffer(size)
            )
        picture = self._value_pictures[size_px]
        context.enable_only(context.DEPTH_TEST)
        context.disable(context.BLEND)
        picture.use()
        picture.clear(NOTHING)
        self._valued.render()
        read = np.frombuffer(picture.read(components=1, alignment=1, dtype="f4"), np.float32)
        return read.reshape(size_px, size_px)[::-1].copy()

    def _surface(self, kind: int, content: list[Attributes], indices: moderngl.Buffer) -> moderngl.VertexArray:
        """A vertex array of one kind of surface; attributes that its shader does not read are left out."""
        program = self._surfaces[kind]
        used = []
        for buffer, layout, *names in content:
            formats = layout.split()
            skipped = [
                form if name in program else f"{int(form[0]) * 4}x" for name, form in zip(names, formats, strict=True)
            ]
            used.append((buffer, " ".join(skipped), *(name for name in names if name in program)))
        return self.context.vertex_array(program, used, indices)

    def _indices(self, *materials: int) -> moderngl.Buffer:
        triangles = self.head.triangles[np.isin(self.head.triangle_material, materials)]
        return self.context.buffer(triangles.astype(np.int32).tobytes())

    def _upload(self, vertices: np.ndarray) -> None:
        corners = self.head.corner_vertex
        self._positions.write(np.ascontiguousarray(vertices[corners], np.float32))
        self._normals.write(np.ascontiguousarray(self.head.normals(vertices)[corners], np.float32))

    def _make_glasses(self) -> None:
        context = self.context
        fitted = self._fit(self.head.mean, 0)
        count = len(fitted.positions)
        self._glasses_positions = context.buffer(reserve=count * 12, dynamic=True)
        self._glasses_normals = context.buffer(reserve=count * 12, dynamic=True)
        fixed = np.concatenate([np.zeros((count, 5)), fitted.material[:, None]], axis=1).astype(np.float32)
        content: list[Attributes] = [
            (self._glasses_positions, "3f", "position"),
            (self._glasses_normals, "3f", "normal"),
            (context.buffer(fixed.tobytes()), "2f 3f 1f", "uv", "base", "material"),
        ]
        lens = fitted.material[fitted.triangles[:, 0]] == fitted.material.max()
        frame_triangles = context.buffer(fitted.triangles[~lens].tobytes())
        self._frame = self._surface(PLAIN, content, frame_triangles)
        self._lenses = self._surface(LENS, content, context.buffer(fitted.triangles[lens].tobytes()))
        self._frame_shadow = context.vertex_array(
            self._depth, [(self._glasses_positions, "3f", "position")], frame_triangles
        )

    def _fit(self, vertices: np.ndarray, frame: int) -> Glasses:
        head = self.head
        between = np.abs(head.mean[:, 0]) < 0.006
        root = between & (np.abs(head.mean[:, 2]) < 0.006) & (head.vertex_material == SKIN)
        above_ears = (np.abs(head.mean[:, 2] - 0.035) < 0.01) & (np.abs(head.mean[:, 1] - 0.04) < 0.02)
        above_ears &= head.vertex_material == SKIN
        return fit_glasses(
            FRAMES[frame],
            head.eye_centres(vertices),
            front_m=float(vertices[root, 1].min()),
            ear_y_m=0.085,
            half_head_m=float(np.abs(vertices[above_ears, 0]).max()),
        )

    def _upload_glasses(self, vertices: np.ndarray, frame: int) -> None:
        fitted = self._fit(vertices, frame)
        self._glasses_positions.write(fitted.positions)
        self._glasses_normals.write(fitted.normals)

    def _make_textures(self) -> None:
        context = self.context
        self._textures: list[moderngl.Texture | moderngl.Texture3D] = []
        for unit, name in enumerate(("lips.jpg", "inside_mouth.jpg")):
            mask = cv2.imread(str(HEAD_DATA / name), cv2.IMREAD_GRAYSCALE)
            if mask is None:
                raise FileNotFoundError(f"{HEAD_DATA / name} is missing or not an image")
            mask = cv2.GaussianBlur(mask, (0, 0), 1.5)
            texture = context.texture(mask.shape[::-1], 1, np.flipud(mask).tobytes())
            texture.build_mipmaps()
            texture.use(unit)
            self._textures.append(texture)
        grain = np.random.default_rng(20260101).integers(0, 256, (NOISE_SIZE,) * 3, dtype=np.uint8)
        noise = context.texture3d((NOISE_SIZE,) * 3, 1, grain.tobytes())
        noise.filter = (context.LINEAR, context.LINEAR)
        noise.repeat_x = noise.repeat_y = noise.repeat_z = True
        noise.use(2)
        self._textures.append(noise)
        self._shadow_map = context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow = context.framebuffer(depth_attachment=self._shadow_map)
        for unit, name in enumerate(("lips_mask", "mouth_mask", "noise_volume", "shadow_map")):
            _set(self._surfaces, name, unit)


def _set(programs: Mapping[int, moderngl.Program], name: str, value: object) -> None:
    """Set a uniform in every program that uses it; the compiler drops the others."""
    for program in programs.values():
        if name in program:
            cast("moderngl.Uniform", program[name]).value = value


def _shader(name: str) -> str:
    return (SHADERS / name).read_text(encoding="utf-8")


def _write(program: moderngl.Program, name: str, matrix: np.ndarray) -> None:
    """Set a uniform (4, 4). OpenGL takes matrices column by column."""
    cast("moderngl.Uniform", program[name]).write(np.ascontiguousarray(matrix.T, np.float32).tobytes())
