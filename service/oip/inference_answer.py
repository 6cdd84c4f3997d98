"""Tensors -> the body of an answer, each in JSON or as bytes behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from service.oip.inference_request import JSON_SIZE_HEADER, Inference
from service.oip.tensors import Tensor


def answer(outputs: Sequence[Tensor], asked: Inference, *, model_name: str, model_version: str) -> Response:
    """outputs: in the model's order; those that were asked for."""
    described: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for tensor in outputs:
        one: dict[str, Any] = {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype}
        if asked.binary if asked.outputs is None else asked.outputs[tensor.name]:
            data = tensor.to_bytes()
            one["parameters"] = {"binary_data_size": len(data)}
            behind.append(data)
        else:
            one["data"] = tensor.to_json()
        described.append(one)
    content: dict[str, Any] = {"model_name": model_name, "model_version": model_version}
    if asked.id is not None:
        content["id"] = asked.id
    content["outputs"] = described
    head = json.dumps(content, allow_nan=False).encode()
    if not behind:
        return Response(head, media_type="application/json")
    return Response(
        b"".join([head, *behind]),
        media_type="application/octet-stream",
        headers={JSON_SIZE_HEADER: str(len(head))},
    )
