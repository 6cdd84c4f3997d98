"""docs/reference/manifest.md: the fields of a bundle's manifest.json."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from docs.reference_pages.json_schema import schema_type
from docs.reference_pages.markdown import code, table


def manifest_page() -> Iterator[str]:
    from service.inference import manifest

    yield from [
        "# manifest.json",
        "",
        *inspect.cleandoc(manifest.__doc__ or "").partition("\n\n")[2].splitlines(),
        "",
        "A bundle is a folder with `manifest.json`, `model.onnx` (and the variants that the manifest names),",
        "`MODEL_CARD.md` and `metrics.json`. The service refuses a file whose hash, a field whose type or a",
        "preprocessing whose fingerprint differs.",
        "",
    ]
    seen: set[type[BaseModel]] = set()
    for task in get_args(manifest.Manifest):
        yield from model_section(task, seen=seen)


def model_section(model: type[BaseModel], *, seen: set[type[BaseModel]]) -> Iterator[str]:
    """A table of the model's fields, then the sections of the models in them."""
    if model in seen:
        return
    seen.add(model)
    yield from [f"## {model.__name__}", ""]
    documented = model.__doc__ or next((base.__doc__ for base in model.__mro__[1:] if base.__doc__), "")
    if documented and not documented.startswith(("!!!", "A base class")):
        yield from [*inspect.cleandoc(documented).splitlines(), ""]
    schema = model.model_json_schema(ref_template="{model}")
    required = schema.get("required", ())
    yield from table(
        ("field", "type", "default"),
        (
            (code(name), schema_type(field), "required" if name in required else code(compact(field.get("default"))))
            for name, field in schema["properties"].items()
        ),
    )
    for inner in inner_models(model):
        yield from model_section(inner, seen=seen)


def inner_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    def within(annotation: Any) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for part in get_args(annotation):
            yield from within(part)

    for field in model.model_fields.values():
        yield from within(field.annotation)


def compact(value: object) -> str:
    return str(value).replace("'", '"').replace("None", "null") if value is not None else "null"
