"""DICOM files made in code, with a patient whom no output may name."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

VL_PHOTOGRAPH = "1.2.840.10008.5.1.4.1.1.77.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# Everything that says who it is.
PLANTED = {
    "PatientName": "Sorrowfield^Jemima",
    "PatientID": "MRN-77123456",
    "PatientBirthDate": "19310207",
    "PatientAddress": "Larkspur Lane 9",
    "ReferringPhysicianName": "Quillfeather^Otto",
    "InstitutionName": "Marrowmere Infirmary",
    "AccessionNumber": "ACC-5550199",
    "StudyDescription": "palsy of Jemima",
    "ImageComments": "call her at 555-0142",
}
WORDS = (
    "Sorrowfield", "Jemima", "77123456", "19310207", "Larkspur", "Quillfeather", "Marrowmere", "5550199", "555-0142",
)  # fmt: skip


def dicom(
    pixels: np.ndarray | bytes,
    *,
    sop_class: str = VL_PHOTOGRAPH,
    syntax: str | None = None,
    size: tuple[int, int] = (0, 0),
    **elements: Any,
) -> bytes:
    """A file. pixels: JPEG bytes, which are encapsulated, or (H, W, 3) or (H, W) uint8. elements: set last."""
    jpeg = isinstance(pixels, bytes)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = "2.25.20261129"
    meta.TransferSyntaxUID = syntax or (JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian)
    image = FileDataset("", Dataset(), file_meta=meta, preamble=bytes(128))
    image.SOPClassUID, image.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    for name, value in PLANTED.items():
        setattr(image, name, value)
    image.OtherPatientIDsSequence = [Dataset()]
    image.OtherPatientIDsSequence[0].PatientID = PLANTED["PatientID"]
    grey = not jpeg and pixels.ndim == 2
    image.SamplesPerPixel = 1 if grey else 3
    image.PhotometricInterpretation = "MONOCHROME2" if grey else ("YBR_FULL_422" if jpeg else "RGB")
    if not grey:
        image.PlanarConfiguration = 0
    image.Rows, image.Columns = size if jpeg else pixels.shape[:2]
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    image.PixelData = encapsulate([pixels]) if jpeg else pixels.tobytes() + bytes(pixels.size % 2)
    for name, value in elements.items():
        setattr(image, name, value)
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()
