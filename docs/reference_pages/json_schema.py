"""A JSON schema in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docs.reference_pages.markdown import code


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
