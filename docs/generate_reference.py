"""Writes docs/reference from the code: settings, metrics, manifest, error codes, endpoints and the command line.

    python -m docs.generate_reference            # writes the pages that changed
    python -m docs.generate_reference --check    # exit status 1 where one is stale

The pages are committed, so that they can be read where nothing is built; tests/docs/test_reference.py keeps them
current.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate_reference.py from the code: change it there. -->"


def page(name: str) -> str:
    """The text of one file of docs/reference."""
    return "\n".join([NOTE, "", *PAGES[name]()]).rstrip() + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A Markdown table; line breaks and bars in the cells are taken care of."""
    head = list(head)
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(" ".join(str(cell).split()).replace("|", r"\|") for cell in row) + " |"
    yield ""


def code(value: object) -> str:
    return f"`{value}`"


# Settings


def settings_page() -> Iterator[str]:
    from service.config import Settings
    from service.operation_settings import OperationSettings

    around = OperationSettings.model_fields
    analysis = {name: field for name, field in Settings.model_fields.items() if name not in around}
    yield from [
        "# Settings of the service",
        "",
        "Environment variables with the prefix `HTNET_`, units in their names. `htnet serve` has options for the few",
        "that change most often; an option wins over the environment. How to use them: [Operate the",
        "service](../how-to/operate.md).",
        "",
    ]
    for title, fields in (("The analysis", analysis), ("What surrounds it", around)):
        yield from [f"## {title}", ""]
        yield from table(
            ("setting", "type", "default", "what"),
            (
                (
                    code(f"HTNET_{name.upper()}"),
                    describe_type(field),
                    describe_default(field),
                    in_full(field.description),
                )
                for name, field in fields.items()
            ),
        )


def in_full(description: str | None) -> str:
    """Settings that a description names by their fields' names, as they stand in the environment."""
    from service.config import Settings

    names = "|".join(Settings.model_fields)
    return re.sub(f"`({names})`", lambda match: code(f"HTNET_{match[1].upper()}"), description or "")


def describe_type(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(rule, key)}"
        for rule in [*field.metadata, *annotated_rules(field.annotation)]
        for key, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        if getattr(rule, key, None) is not None
    ]
    return ", ".join([type_name(field.annotation), *limits])


def annotated_rules(annotation: Any) -> list[Any]:
    """The rules of `Annotated` types inside a union (pydantic keeps only the outer ones with the field)."""
    found = []
    for part in get_args(annotation):
        for rule in getattr(part, "__metadata__", ()):
            found += getattr(rule, "metadata", None) or [rule]
    return found


def type_name(annotation: Any) -> str:
    if hasattr(annotation, "__metadata__"):
        return type_name(get_args(annotation)[0])
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(code(value) for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(type_name(part) for part in get_args(annotation) if part is not NoneType)
    if origin is tuple:
        return f"list of {type_name(get_args(annotation)[0])}"
    names: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
    return names.get(annotation, "text" if annotation is SecretStr else getattr(annotation, "__name__", "any"))


def describe_default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is not None:
        return "found at the start"
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = str(value).lower()
    return code("[]" if value == () else value)


# HTTP


def http_page() -> Iterator[str]:
    from service.app import create_app
    from service.config import Settings

    api = create_app(Settings(audit_url=SecretStr(""))).openapi()
    yield from [
        "# Endpoints",
        "",
        api["info"]["description"],
        "",
        "Every field of every answer is described at `/docs` of a running service and in its `/openapi.json`.",
        "Errors are [problem details](problems.md).",
        "",
    ]
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield from [f"## {method.upper()} {path}", "", operation["summary"] + ".", ""]
            parts = list(form_parts(operation))
            if parts:
                yield from table(("part of the form", "what"), parts)
            parameters = operation.get("parameters", [])
            if parameters:
                yield from table(
                    ("parameter", "in", "type", "default", "what"),
                    (
                        (
                            code(p["name"]),
                            p["in"],
                            schema_type(p["schema"]),
                            code(str(p["schema"]["default"]).lower()) if "default" in p["schema"] else "-",
                            p.get("description", ""),
                        )
                        for p in parameters
                    ),
                )
            codes = list(problem_codes(operation))
            if codes:
                yield from [f"[Refusals](problems.md): {', '.join(map(code, codes))}.", ""]


def form_parts(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema", {})
    for name, part in form.get("properties", {}).items():
        yield code(name), part.get("description", "")


def problem_codes(operation: Mapping[str, Any]) -> Iterator[str]:
    for answer in operation["responses"].values():
        for media in answer.get("content", {}).values():
            yield from media.get("examples", {})


def problems_page() -> Iterator[str]:
    from service.problems import MEDIA_TYPE, PROBLEMS

    yield from [
        "# Problem codes",
        "",
        f"Errors are problem details (RFC 9457, `{MEDIA_TYPE}`) with `type`, `title`, `status`, `detail`, `instance`,",
        "`request_id` and `code`. Programs decide by `code`; `detail` says to people what was found, with the value,",
        "and what to do. Statuses 429 and 503 come with `Retry-After`.",
        "",
    ]
    yield from table(
        ("code", "status", "title"), ((code(name), kind.status, kind.title) for name, kind in PROBLEMS.items())
    )


# Metrics


def metrics_page() -> Iterator[str]:
    from service.observability.metrics import Metrics, Rejection

    metrics = Metrics()
    labels = {
        metric._name: metric._labelnames  # prometheus_client tells the labels of an unused metric nowhere else
        for metric in vars(metrics).values()
        if hasattr(metric, "_labelnames")
    }
    yield from [
        "# Metrics",
        "",
        "`GET /metrics`, in Prometheus' text format, right with several workers whichever of them answers. Alert rules",
        "are in `docker/prometheus/alerts.yml`, the dashboard is in `docker/grafana/dashboards/htnet.json`.",
        "",
    ]
    yield from table(
        ("metric", "kind", "labels", "what"),
        (
            (
                code(family.name + ("_total" if family.type == "counter" else "")),
                family.type,
                ", ".join(map(code, labels.get(family.name, ()))) or "-",
                family.documentation,
            )
            for family in metrics.registry.collect()
        ),
    )
    yield from [
        "Reasons of `htnet_rejected_total`: " + ", ".join(map(code, get_args(Rejection))) + ".",
        "",
        "Drift shows in `htnet_answer_probability`, `htnet_face_width_pixels`, `htnet_face_angle_degrees` and",
        "`htnet_face_sharpness`.",
    ]


# Manifest


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


def schema_type(schema: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        return f"[{schema['$ref']}](#{schema['$ref'].lower()})"
    if "anyOf" in schema:
        return " or ".join(schema_type(part) for part in schema["anyOf"])
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    kind = schema.get("type", "any JSON value")
    if kind == "array":
        fixed = schema.get("prefixItems")
        inner = ", ".join(schema_type(part) for part in fixed) if fixed else schema_type(schema.get("items", {}))
        return f"list of {inner}" if not fixed else f"[{inner}]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        inner = schema["additionalProperties"]
        if inner.get("$ref") == "JsonValue":
            return "object"
        keys = schema.get("propertyNames", {}).get("enum")
        return "object of " + schema_type(inner) + (f", keys {', '.join(map(code, keys))}" if keys else "")
    rules = [
        f"{sign} {schema[key]}"
        for key, sign in (
            ("minimum", ">="),
            ("exclusiveMinimum", ">"),
            ("maximum", "<="),
            ("exclusiveMaximum", "<"),
            ("pattern", "matching"),
            ("format", "as"),
        )
        if key in schema and kind != "null"
    ]
    return " ".join([kind, *(f"`{rule}`" for rule in rules)])


# Command line


def command_line() -> Any:
    from htnet.commands import app

    return typer.main.get_command(app)


def cli_page(root: Any, *, name: str = "htnet") -> Iterator[str]:
    """root: what typer.main.get_command makes of an app."""
    yield from [
        "# Command line",
        "",
        "`--help` after any command says the same in a terminal. A command that lacks a package names the",
        "extra that brings it.",
        "",
    ]
    yield from command_section(root, typer.Context(root, info_name=name), depth=1)


def command_section(command: Any, context: typer.Context, *, depth: int) -> Iterator[str]:
    """The command's own section, but for the root, then those of its subcommands."""
    if depth > 1:
        yield from ["#" * min(depth, 4) + f" {context.command_path}", ""]
    yield from [*help_text(command.help).splitlines(), ""]
    records = [record for p in command.params if (record := p.get_help_record(context)) is not None]
    if records:
        yield from table(("option", "what"), ((code(option), plain(what)) for option, what in records))
    for child, inner in subcommands(command, context):
        yield from command_section(inner, typer.Context(inner, info_name=child, parent=context), depth=depth + 1)


def subcommands(command: Any, context: typer.Context) -> Iterator[tuple[str, Any]]:
    """What a group shows, loaded where htnet loads it only when it is asked for; nothing for a command."""
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found = command.get_command(context, name)
        if found is not None and not found.hidden:
            yield name, found.load() if hasattr(found, "load") else found


def help_text(text: str | None) -> str:
    return inspect.cleandoc((text or "").partition("\f")[0])


def plain(text: str) -> str:
    """Angle brackets are text here, not HTML."""
    return text.replace("<", "&lt;").replace(">", "&gt;")


PAGES: dict[str, Callable[[], Iterable[str]]] = {
    "settings.md": settings_page,
    "http.md": http_page,
    "problems.md": problems_page,
    "metrics.md": metrics_page,
    "manifest.md": manifest_page,
    "cli.md": lambda: cli_page(command_line()),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 where a page is stale")
    check = parser.parse_args().check
    stale = []
    for name in PAGES:
        path, text = REFERENCE / name, page(name)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{'stale' if check else 'written'}: {', '.join(stale)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
