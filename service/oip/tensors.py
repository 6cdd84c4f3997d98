"""Tensors as the Open Inference Protocol sends them: in JSON, or as raw bytes behind it (binary tensor data extension).

Sources: the protocol's REST document (kserve/open-inference-protocol) and the extension's (triton-inference-server).
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from face.errors import PreprocessingError

Datatype = Literal["BYTES", "UINT8", "FP32"]
NUMBERS: dict[Datatype, np.dtype[Any]] = {"UINT8": np.dtype("u1"), "FP32": np.dtype("<f4")}


DIMENSIONS_MAX = 8


class BadTensor(PreprocessingError):
    """A tensor that is not what its description says, or not what the model reads."""

    code = "invalid-parameters"


@dataclass(frozen=True, eq=False)
class Tensor:
    """values: an array of `shape`, or for BYTES the elements in order."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: npt.NDArray[Any] | Sequence[bytes]

    def array(self) -> npt.NDArray[Any]:
        """Raises BadTensor for BYTES."""
        if not isinstance(self.values, np.ndarray):
            raise BadTensor(f"The tensor {self.name!r} holds BYTES; numbers are wanted.")
        return self.values

    def elements(self) -> Sequence[bytes]:
        """Raises BadTensor for numbers."""
        if isinstance(self.values, np.ndarray):
            raise BadTensor(f"The tensor {self.name!r} holds {self.datatype}; BYTES are wanted.")
        return self.values

    def to_bytes(self) -> bytes:
        """As the extension has it: numbers little-endian in row-major order; elements of BYTES each behind their length
        in 4 bytes, little-endian."""
        if self.datatype == "BYTES":
            return b"".join(struct.pack("<I", len(element)) + element for element in self.elements())
        return self.array().astype(NUMBERS[self.datatype], copy=False).tobytes()

    def to_json(self) -> list[Any]:
        """Flat, in row-major order. BYTES must be UTF-8 here: only our own text goes this way."""
        if self.datatype == "BYTES":
            return [element.decode() for element in self.elements()]
        flat: list[Any] = self.array().ravel().tolist()
        return flat


def text(name: str, value: str | bytes) -> Tensor:
    """A text as BYTES [1]."""
    return Tensor(name, "BYTES", (1,), [value.encode() if isinstance(value, str) else value])


def numbers(name: str, values: npt.NDArray[Any]) -> Tensor:
    """float32 and uint8 arrays."""
    datatype: Datatype = "UINT8" if values.dtype == np.uint8 else "FP32"
    return Tensor(name, datatype, values.shape, values)


def from_bytes(name: str, datatype: Datatype, shape: tuple[int, ...], data: bytes) -> Tensor:
    """Raises BadTensor where the bytes are not as many as the shape says."""
    count = math.prod(shape)
    if datatype == "BYTES":
        elements = _split(name, data, count)
        return Tensor(name, datatype, shape, elements)
    wanted = count * NUMBERS[datatype].itemsize
    if len(data) != wanted:
        raise BadTensor(
            f"The tensor {name!r} has {len(data):,} bytes; {datatype} of the shape {list(shape)} has {wanted:,}."
        )
    return Tensor(name, datatype, shape, np.frombuffer(data, dtype=NUMBERS[datatype]).reshape(shape))


def from_json(name: str, datatype: Datatype, shape: tuple[int, ...], data: list[Any], *, is_base64: bool) -> Tensor:
    """data: flat, or nested as the shape. is_base64: the elements of BYTES are base64, else they are text.

    Raises BadTensor for values of another kind or number.
    """
    flat = _flattened(data)
    count = math.prod(shape)
    if len(flat) != count:
        raise BadTensor(f"The tensor {name!r} has {len(flat):,} values; the shape {list(shape)} has {count:,}.")
    if datatype == "BYTES":
        return Tensor(name, datatype, shape, [_element(name, value, is_base64=is_base64) for value in flat])
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in flat):
        raise BadTensor(f"The tensor {name!r} is {datatype}, but not all of its values are numbers.")
    if datatype == "UINT8" and not all(isinstance(value, int) and 0 <= value <= 255 for value in flat):
        raise BadTensor(f"The tensor {name!r} is UINT8: its values must be whole numbers from 0 to 255.")
    try:
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, which a model refuses by name
            return Tensor(name, datatype, shape, np.array(flat, dtype=NUMBERS[datatype]).reshape(shape))
    except OverflowError as error:
        raise BadTensor(f"The tensor {name!r} holds a number that does not fit into {datatype}.") from error


def _flattened(data: list[Any]) -> list[Any]:
    level = data
    for _ in range(DIMENSIONS_MAX):
        if not any(isinstance(value, list) for value in level):
            break
        level = [inner for value in level for inner in (value if isinstance(value, list) else [value])]
    return level


def _element(name: str, value: object, *, is_base64: bool) -> bytes:
    if not isinstance(value, str):
        raise BadTensor(f"The tensor {name!r} is BYTES: its values must be strings.")
    if not is_base64:
        return value.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadTensor(f"The tensor {name!r} says that it is base64, but is not.") from error


def _split(name: str, data: bytes, count: int) -> list[bytes]:
    elements: list[bytes] = []
    at = 0
    while at < len(data) and len(elements) < count:
        if at + 4 > len(data):
            break
        (length,) = struct.unpack_from("<I", data, at)
        if at + 4 + length > len(data):
            raise BadTensor(
                f"Element {len(elements)} of the tensor {name!r} says that it has {length:,} bytes; "
                f"{len(data) - at - 4:,} follow. Each element stands behind its length in 4 bytes, little-endian."
            )
        elements.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    if len(elements) != count or at != len(data):
        raise BadTensor(
            f"The bytes of the tensor {name!r} are not the {count} element{'s' if count != 1 else ''} of its shape: "
            "each stands behind its length in 4 bytes, little-endian."
        )
    return elements
