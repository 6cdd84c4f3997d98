"""What a clip may measure, held against its header before any picture is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from face.clip.clip_header import ClipHeader
from face.errors import ClipTooLarge, ClipTooLong, UndecodableClip


@dataclass(frozen=True)
class ClipLimits:
    """The sides are those of the pictures as stored, either way round. max_pixels: of all pictures together, by which
    decoding takes its time: 64 s of 1080p at 30 a second, 16 s of 4K. min_frames: fewer are no clip."""

    max_bytes: int = 100_000_000
    max_duration_s: float = 60.0
    max_longer_side_px: int = 3840
    max_shorter_side_px: int = 2160
    max_frames_per_s: float = 240.0
    max_frames: int = 14_400
    max_pixels: int = 4_000_000_000
    min_frames: int = 3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"ClipLimits.{name} must be at least 1, got {value}")

    def check_bytes(self, count: int) -> None:
        """Raises ClipTooLarge."""
        if count > self.max_bytes:
            raise ClipTooLarge(
                f"The clip has {count:,} bytes; at most {self.max_bytes:,} are allowed. Cut it or record it in 1080p."
            )

    def check(self, header: ClipHeader) -> None:
        """Raises UndecodableClip, ClipTooLarge and ClipTooLong."""
        longer, shorter = max(header.width, header.height), min(header.width, header.height)
        if shorter < 1:
            raise UndecodableClip(f"The clip says that its pictures measure {header.width} x {header.height} pixels.")
        if longer > self.max_longer_side_px or shorter > self.max_shorter_side_px:
            raise ClipTooLarge(
                f"The pictures of the clip measure {header.width} x {header.height} pixels; at most "
                f"{self.max_longer_side_px} x {self.max_shorter_side_px} are allowed. Record it in 1080p."
            )
        if header.frames < self.min_frames:
            found = {0: "no picture", 1: "a single picture"}.get(header.frames, f"{header.frames} pictures")
            raise UndecodableClip(
                f"The clip has {found}; at least {self.min_frames} are needed. A photograph goes to another address."
            )
        if header.duration_s <= 0:
            raise UndecodableClip(f"The clip has {header.frames} pictures but all at the same time.")
        if header.duration_s > self.max_duration_s:
            raise ClipTooLong(
                f"The clip lasts {_time(header.duration_s)}; at most {_time(self.max_duration_s)} are allowed. "
                "Cut it to the movements."
            )
        # A hair above, for what a camera calls 240 and writes as 240.1.
        if header.frames_per_s > 1.02 * self.max_frames_per_s:
            raise ClipTooLong(
                f"The clip has {header.frames_per_s:.0f} pictures a second; at most {self.max_frames_per_s:.0f} are "
                "allowed. Record it at 30 or 60."
            )
        if header.frames > self.max_frames:
            raise ClipTooLong(
                f"The clip has {header.frames:,} pictures; at most {self.max_frames:,} are allowed. Cut it."
            )
        pixels = header.width * header.height * header.frames
        if pixels > self.max_pixels:
            raise ClipTooLarge(
                f"The clip has {header.frames:,} pictures of {header.width} x {header.height}, {pixels / 1e9:.1f} "
                f"thousand million pixels; at most {self.max_pixels / 1e9:.1f} are allowed. Record it in 1080p at 30 "
                "pictures a second, or cut it."
            )


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{hours:.1f} hours"
