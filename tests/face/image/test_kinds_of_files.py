"""Files as telephones, cameras and programs write them: what hides no pixel is read, what is really cut is refused."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from face.errors import UndecodableImage, UnsupportedMediaType
from face.image.decode import decode_image
from tests import factories


def smooth(width: int = 160, height: int = 96) -> np.ndarray:
    """Different in all eight orientations, and gentle enough for every codec."""
    y, x = np.mgrid[:height, :width]
    return np.stack([40 + x * 180 / width, 30 + y * 200 / height, 128 + (x - y) * 60 / width], axis=-1).astype(np.uint8)


def saved(picture: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(buffer, kind, **options)
    return buffer.getvalue()


def difference(data: bytes, expected: np.ndarray) -> float:
    rgb = decode_image(data).rgb
    assert rgb.shape == expected.shape
    return float(np.abs(rgb.astype(int) - expected).mean())


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def exif(orientation: int, *, count: int = 1) -> bytes:
    head = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHI", 0x0112, 3, count)
    return head + struct.pack(">HH", orientation, 0) + bytes(4)


XMP = b'<rdf:RDF xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><rdf:Description tiff:Orientation="%d"/></rdf:RDF>'
XMP_ELEMENT = b"<rdf:Description><tiff:Orientation>%d</tiff:Orientation></rdf:Description>"


def stored_for(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores `rgb` that writes this orientation beside it: the inverse of what a viewer does."""
    undo = {
        1: lambda a: a,
        3: lambda a: np.rot90(a, 2),
        6: lambda a: np.rot90(a, 1),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](rgb))


def png_chunk(kind: bytes, body: bytes, *, sound: bool = True) -> bytes:
    crc = zlib.crc32(kind + body) ^ (0 if sound else 1)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def with_chunk(png: bytes, chunk: bytes) -> bytes:
    at = png.index(b"IDAT") - 4
    return png[:at] + chunk + png[at:]


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize(
    "place", ["exif", "second block empty", "two blocks", "long block", "count of two", "xmp", "xmp element"]
)
def test_orientation_wherever_a_jpeg_has_it(place: str, orientation: int) -> None:
    jpeg = saved(stored_for(smooth(), orientation), "JPEG", quality=95, subsampling=0)
    block = b"Exif\0\0" + exif(orientation)
    empty = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 0) + bytes(4)
    made = {
        "exif": lambda: with_segment(jpeg, 0xE1, block),
        "second block empty": lambda: with_segment(with_segment(jpeg, 0xE1, empty), 0xE1, block),
        "two blocks": lambda: with_segment(with_segment(jpeg, 0xE1, b"Exif\0\0" + exif(1)), 0xE1, block),
        "long block": lambda: with_segment(
            with_segment(jpeg, 0xE1, b"Exif\0\0" + bytes(60_000)), 0xE1, block + bytes(60_000)
        ),
        "count of two": lambda: with_segment(jpeg, 0xE1, b"Exif\0\0" + exif(orientation, count=2)),
        "xmp": lambda: with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % orientation),
        "xmp element": lambda: with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_ELEMENT % orientation),
    }[place]()
    assert difference(made, smooth()) < 3


def test_exif_holds_over_xmp() -> None:
    jpeg = saved(stored_for(smooth(), 6), "JPEG", quality=95, subsampling=0)
    both = with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % 3)
    assert difference(with_segment(both, 0xE1, b"Exif\0\0" + exif(6)), smooth()) < 3


@pytest.mark.parametrize("place", ["eXIf", "eXIf with prefix", "zTXt", "tEXt", "iTXt", "packed iTXt"])
def test_orientation_wherever_a_png_has_it(place: str) -> None:
    png = saved(stored_for(smooth(), 6), "PNG")
    prefixed = b"Exif\0\0" + exif(6)
    digits = prefixed.hex().encode()
    raw = b"\nexif\n%8d\n" % len(prefixed) + b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    keyword = b"XML:com.adobe.xmp\0"
    chunk = {
        "eXIf": lambda: png_chunk(b"eXIf", exif(6)),
        "eXIf with prefix": lambda: png_chunk(b"eXIf", prefixed),
        "zTXt": lambda: png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)),
        "tEXt": lambda: png_chunk(b"tEXt", b"Raw profile type APP1\0" + raw),
        "iTXt": lambda: png_chunk(b"iTXt", keyword + b"\0\0\0\0" + XMP % 6),
        "packed iTXt": lambda: png_chunk(b"iTXt", keyword + b"\1\0\0\0" + zlib.compress(XMP % 6)),
    }[place]()
    np.testing.assert_array_equal(decode_image(with_chunk(png, chunk)).rgb, smooth())


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_orientation_in_the_xmp_of_a_tiff(orientation: int) -> None:
    packet = ImageFileDirectory_v2()
    packet[700], packet.tagtype[700] = XMP % orientation, 1
    tiff_file = saved(stored_for(smooth(), orientation), "TIFF", tiffinfo=packet)
    np.testing.assert_array_equal(decode_image(tiff_file).rgb, smooth())


def test_orientation_in_the_xmp_of_a_webp() -> None:
    webp = saved(stored_for(smooth(), 6), "WEBP", lossless=True, xmp=XMP % 6)
    np.testing.assert_array_equal(decode_image(webp).rgb, smooth())


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000))),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * 9_000_000)),
        png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(5_000_000))),
        png_chunk(b"iCCP", b"icc\0\0no zlib stream"),
        png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"abc"), sound=False),
        png_chunk(b"pHYs", bytes(9), sound=False),
        png_chunk(b"tEXt", b"Raw profile type exif\0no digits"),
        png_chunk(b"prVt", bytes(100), sound=False),
    ],
    ids=["text", "xmp", "profile", "no zlib", "checksum of iCCP", "checksum of pHYs", "no digits", "private"],
)
def test_what_is_no_pixel_of_a_png_cannot_break_it(chunk: bytes) -> None:
    np.testing.assert_array_equal(decode_image(with_chunk(saved(smooth(), "PNG"), chunk)).rgb, smooth())


def test_a_png_with_broken_pixels_is_refused() -> None:
    png = bytearray(saved(factories.astronaut(), "PNG"))
    png[len(png) // 2] ^= 0xFF
    with pytest.raises(UndecodableImage):
        decode_image(bytes(png))


def test_a_cut_png_is_refused() -> None:
    png = saved(factories.astronaut(), "PNG")
    with pytest.raises(UndecodableImage):
        decode_image(png[: len(png) * 4 // 5])


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"), [("AVIF", {"quality": 95}, 3), ("JPEG2000", {}, 1), ("GIF", {}, 12)]
)
def test_further_types(kind: str, options: dict[str, object], tolerance: float) -> None:
    assert difference(saved(smooth(), kind, **options), smooth()) < tolerance


def test_the_first_frame_of_a_gif() -> None:
    first, second = Image.fromarray(smooth()), Image.new("RGB", (160, 96))
    assert difference(saved(first, "GIF", save_all=True, append_images=[second]), smooth()) < 12


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("inverted", [False, True])
def test_grey_tiffs_with_white_as_zero(bits: int, inverted: bool) -> None:
    grey = smooth()[..., 0]
    stored = (255 - grey if inverted else grey).astype(np.uint16) * (257 if bits == 16 else 1)
    photometric = 0 if inverted else 1
    data = tiff(stored.astype("<u2" if bits == 16 else "u1"), bits=bits, photometric=photometric)
    assert difference(data, np.repeat(grey[..., None], 3, axis=2)) <= 1


def test_a_grey_tiff_of_twelve_bits() -> None:
    grey = smooth()[..., 0]
    pairs = (grey.astype(np.uint32) << 4).reshape(-1, 2)  # two values in three bytes
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    data = tiff(packed.astype("u1").reshape(grey.shape[0], -1), bits=12, photometric=1, width=grey.shape[1])
    assert difference(data, np.repeat(grey[..., None], 3, axis=2)) <= 1


def test_the_raw_file_of_a_camera_is_named() -> None:
    mosaic = tiff(smooth()[..., 0], bits=8, photometric=32803)
    with pytest.raises(UndecodableImage, match="raw file of a camera"):
        decode_image(mosaic)


@pytest.mark.parametrize("big", [False, True])
def test_big_tiff(big: bool) -> None:
    grey = smooth()[..., 1]
    data = saved(Image.fromarray(grey), "TIFF", big_tiff=big)
    assert data[2] == (43 if big else 42)
    assert difference(data, np.repeat(grey[..., None], 3, axis=2)) == 0


def tiff(pixels: np.ndarray, *, bits: int, photometric: int, width: int | None = None) -> bytes:
    """A grey TIFF of one strip. width: where it is not that of the array, since its values lie closer."""
    height, width = pixels.shape[0], width or pixels.shape[1]
    body = pixels.tobytes()
    entries = [(256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 8),
               (277, 3, 1), (278, 3, height), (279, 4, len(body))]  # fmt: skip
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHII", tag, kind, 1, value)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory + bytes(4)


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_bitmap_whose_fourth_byte_means_nothing(alpha: int) -> None:
    rgb = smooth()
    bgra = np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], alpha, np.uint8)])[::-1]
    masks = struct.pack("<IIII", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, 160, 96, 1, 32, 3, bgra.nbytes, 2835, 2835, 0, 0) + masks + bytes(52)
    data = b"BM" + struct.pack("<IHHI", 14 + 108 + bgra.nbytes, 0, 0, 14 + 108) + head + bgra.tobytes()
    np.testing.assert_array_equal(decode_image(data).rgb, rgb)
    reduced = decode_image(data, longer_side_px=80).rgb
    np.testing.assert_array_equal(reduced, np.asarray(Image.fromarray(rgb).reduce(2)))


def test_a_profile_changes_the_colours_and_srgb_does_not() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = decode_image(saved(smooth(), "PNG")).rgb
    np.testing.assert_array_equal(decode_image(saved(smooth(), "PNG", icc_profile=srgb)).rgb, plain)
    swapped = swapped_primaries(srgb)
    for kind, options in (
        ("PNG", {}),
        ("JPEG", {"quality": 98, "subsampling": 0}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True}),
    ):
        converted = decode_image(saved(smooth(), kind, icc_profile=swapped, **options)).rgb
        assert np.abs(converted.astype(int) - plain).mean() > 10, kind  # red is called green there
        assert np.abs(converted.astype(int) - plain[..., [1, 0, 2]]).mean() < 6, kind


def swapped_primaries(srgb: bytes) -> bytes:
    """The profile with red and green exchanged, under another name."""
    return (
        srgb.replace(b"rXYZ", b"?XYZ")
        .replace(b"gXYZ", b"rXYZ")
        .replace(b"?XYZ", b"gXYZ")
        .replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    )


@pytest.mark.parametrize("profile", [b"", b"no profile", bytes(200), bytes(5_000_000)])
def test_a_damaged_profile_is_passed_over(profile: bytes) -> None:
    png = saved(smooth(), "PNG", icc_profile=profile or None)
    np.testing.assert_array_equal(decode_image(png).rgb, smooth())


def test_cmyk_without_a_profile_stays_as_it_was() -> None:
    rgb = np.asarray(Image.fromarray(smooth()).convert("CMYK").convert("RGB"))
    assert difference(saved(Image.fromarray(smooth()).convert("CMYK"), "JPEG", quality=98, subsampling=0), rgb) < 4


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "BMP"])
def test_a_large_picture_is_reduced(kind: str, factor: int) -> None:
    large = cv2.resize(smooth(), (161 * factor - 1, 97 * factor - 1))
    decoded = decode_image(saved(large, kind), longer_side_px=160)
    assert decoded.reduction == factor
    assert (decoded.width, decoded.height) == (161 * factor - 1, 97 * factor - 1)
    assert decoded.rgb.shape == (97, 161, 3)
    expected = cv2.resize(large, (161, 97), interpolation=cv2.INTER_AREA)
    assert np.abs(decoded.rgb.astype(int) - expected).mean() < 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes(128) + b"DICM" + bytes(64), "a DICOM file"),
        (b"II*\0\x4e\x01\0\0" + bytes(120) + b"DICM" + bytes(400), "a DICOM file"),
        (struct.pack("<HH2sHI", 2, 0, b"UL", 4, 158) + bytes(64), "a DICOM file"),
        (b"data:image/jpeg;base64,/9j/4AAQ", "a data URL"),
        (b"/9j/4AAQSkZJRgABAQAAAQABAAD" * 40, "base64 text"),
        (b"@photo.jpg", "name or path"),
        (b"C:\\pictures\\photo 1.jpg", "name or path"),
        (b"https://example.org/a.jpg", "an address"),
        (b"\x1f\x8b\x08" + bytes(40), "gzip"),
        (struct.pack("<HHI", 8, 5, 10) + b"ISO_IR 100" + bytes(64), "a DICOM file"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(64), "the raw file of a camera"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(40), "MP4"),
    ],
)
def test_what_was_sent_instead_is_named(data: bytes, said: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=said):
        decode_image(data)


def test_heic_without_its_library_says_how_to_switch_the_telephone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("face.image.decode.HEIC_IS_READ", False)
    for brand in (b"heic", b"hevx", b"mif1"):
        with pytest.raises(UnsupportedMediaType, match=r"HEIC image.*Most Compatible"):
            decode_image(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(200))


def test_a_broken_heic_is_refused() -> None:
    with pytest.raises(UndecodableImage, match="HEIC"):
        decode_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
