"""The version of the project: pyproject.toml, the service's `/openapi.json` and the images take it from here."""

VERSION = "0.3.0"
