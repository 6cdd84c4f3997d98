"""What decoding takes of memory, beside what is reserved for it, and its CPU time, by the type of the file.

    python -m tests.bench.decoding_memory [--size 4000x3000] [--longer-side 1000] [KIND ...]

Each picture is decoded in a process of its own. The peak is that of its resident memory above what it had at rest, with
the file read and the decoder warm; Linux only.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pillow_heif
from PIL import Image

from face.image.decode import decode_image
from face.image.limits import ImageLimits

# Name -> mode, Pillow's name of the type, options.
KINDS: dict[str, tuple[str, str, dict[str, object]]] = {
    "jpeg": ("RGB", "JPEG", {"quality": 85}),
    "progressive": ("RGB", "JPEG", {"quality": 85, "progressive": True}),
    "cmyk": ("CMYK", "JPEG", {"quality": 85}),
    "png": ("RGB", "PNG", {"compress_level": 1}),
    "png-rgba": ("RGBA", "PNG", {"compress_level": 1}),
    "webp": ("RGB", "WEBP", {"method": 0}),
    "webp-rgba": ("RGBA", "WEBP", {"method": 0}),
    "heic": ("RGB", "HEIF", {"quality": 50}),
    "avif": ("RGB", "AVIF", {"speed": 10}),
    "tiff": ("RGB", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff-rgba": ("RGBA", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff-turned": ("RGB", "TIFF", {"compression": "tiff_adobe_deflate", "tiffinfo": {0x0112: 6}}),
    "heic-rgba": ("RGBA", "HEIF", {"quality": 50}),
    "avif-rgba": ("RGBA", "AVIF", {"speed": 10}),
    "bmp": ("RGB", "BMP", {}),
    "gif": ("L", "GIF", {}),
    "gif-transparent": ("L", "GIF", {"transparency": 3}),
    "jpeg2000": ("RGB", "JPEG2000", {"quality_mode": "rates", "quality_layers": [20]}),
    "jpeg2000-rgba": ("RGBA", "JPEG2000", {"quality_mode": "rates", "quality_layers": [20]}),
}
UNLIMITED = ImageLimits(max_bytes=10**9, max_pixels=10**9, max_side_px=32_000, max_decoding_bytes=10**12)


def write_picture(path: Path, kind: str, width: int, height: int) -> None:
    """Coarse noise: photographs have about as many bits a pixel."""
    mode, name, options = KINDS[kind]
    pillow_heif.register_heif_opener()
    noise = Image.effect_noise((max(2, width // 16), max(2, height // 16)), 60).resize((width, height), Image.BICUBIC)
    bands = len(Image.new(mode, (1, 1)).getbands())
    picture = noise if bands == 1 else Image.merge(mode, [noise] * bands)
    picture.save(path, name, **options)


def resident_bytes(field: str) -> int:
    with Path("/proc/self/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def measure(path: Path, longer_side_px: int | None) -> str:
    reserved = 0

    @contextmanager
    def reserve(needed: int) -> Iterator[None]:
        nonlocal reserved
        reserved = needed
        yield

    data = path.read_bytes()
    small = io.BytesIO()
    Image.new("RGB", (64, 64)).save(small, "JPEG")
    decode_image(small.getvalue())
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    rest, started = resident_bytes("VmRSS"), time.process_time()
    decoded = decode_image(data, limits=UNLIMITED, longer_side_px=longer_side_px, reserve=reserve)
    cpu_ms = 1000 * (time.process_time() - started)
    peak = (resident_bytes("VmHWM") - rest) / 1e6
    return (
        f"{len(data) / 1e6:6.1f} MB, at 1/{decoded.reduction}: peak {peak:6.1f} MB, "
        f"reserved {reserved / 1e6:6.1f} MB, {cpu_ms:5.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all of them if left out")
    parser.add_argument("--size", default="4000x3000")
    parser.add_argument("--longer-side", type=int, default=1000, help="0: full size")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)  # one measurement, in a process of its own
    given = parser.parse_args()
    if given.file:
        print(measure(given.file, given.longer_side or None))
        return
    unknown = set(given.kinds) - set(KINDS)
    if unknown:
        parser.error(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    width, height = (int(side) for side in given.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        for kind in given.kinds or KINDS:
            path = Path(folder) / kind
            write_picture(path, kind, width, height)
            command = [
                sys.executable,
                "-m",
                __spec__.name,
                "--longer-side",
                str(given.longer_side),
                "--file",
                str(path),
            ]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{kind:16}{width}x{height} {found.stdout.strip()}", flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
