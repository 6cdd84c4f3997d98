"""The real app, as for the REST endpoints, and bodies as the binary tensor extension has them."""

from __future__ import annotations

import json
import struct
from typing import Any

from tests.service.api.conftest import client, jpeg, photo, serve

__all__ = ["client", "jpeg", "photo", "serve"]

JSON_SIZE = "Inference-Header-Content-Length"


def element(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def binary_body(tensors: dict[str, tuple[str, list[int], bytes]], **request: Any) -> tuple[bytes, dict[str, str]]:
    """Body and headers. tensors: name -> datatype, shape, raw bytes."""
    inputs = [
        {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
        for name, (datatype, shape, data) in tensors.items()
    ]
    head = json.dumps({"inputs": inputs, **request}).encode()
    return head + b"".join(data for _, _, data in tensors.values()), {JSON_SIZE: str(len(head))}


def picture_body(data: bytes, **request: Any) -> tuple[bytes, dict[str, str]]:
    return binary_body({"image": ("BYTES", [1], element(data))}, **request)
