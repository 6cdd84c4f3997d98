"""Which files of a computer are photographs: for tables of many, where the service is sent one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from face.errors import NoImages

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif", ".gif", ".jp2"
)  # fmt: skip
# Pictures too, which cannot be read: listed, so that a table has a row that says so and nobody is lost unnoticed.
UNREAD_SUFFIXES = (".dcm", ".jxl")


def images_under(folder: Path, *, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """The images of a folder at any depth, sorted by path. `._x.jpg` is no picture: macOS keeps attributes there."""
    return sorted(
        item
        for item in folder.rglob("*")
        if item.is_file() and item.suffix.lower() in suffixes and not item.name.startswith("._")
    )


def list_images(given: Sequence[Path]) -> list[Path]:
    """Files, the images in folders (at any depth), and those named in .txt lists (relative to the list), each once.

    Raises NoImages where a path leads nowhere, or all of them to no image.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += images_under(path, suffixes=(*IMAGE_SUFFIXES, *UNREAD_SUFFIXES))
        elif path.suffix.lower() == ".txt" and path.is_file():
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            found += [path.parent / line.strip() for line in lines if line.strip() and not line.startswith("#")]
        elif path.is_file():
            found.append(path)
        else:
            raise NoImages(f"{path}: no such image, folder or list")
    if not found:
        raise NoImages(f"no image found in {', '.join(map(str, given))} (looked for {', '.join(IMAGE_SUFFIXES)})")
    return list({path.resolve(): path for path in reversed(found)}.values())[::-1]
