"""Writes docs/reference from the code: settings, metrics, manifest, error codes, endpoints and the command line; and
docs/fhir, the code system of FHIR answers.

    python -m docs.generate_reference            # writes the pages that changed
    python -m docs.generate_reference --check    # exit status 1 where one is stale

Each page has a file in docs/reference_pages/. The pages are committed, so that they can be read where nothing is
built; tests/docs/test_reference.py keeps them current.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from docs.reference_pages.command_line import cli_page, command_line
from docs.reference_pages.http import http_page, problems_page
from docs.reference_pages.manifest import manifest_page
from docs.reference_pages.metrics import metrics_page
from docs.reference_pages.settings import settings_page

REFERENCE = Path(__file__).parent / "reference"
CODE_SYSTEM = Path(__file__).parent / "fhir" / "CodeSystem-facial-palsy.json"
NOTE = "<!-- Written by docs/generate_reference.py from the code: change it there. -->"


def page(name: str) -> str:
    """The text of one file of docs/reference."""
    return "\n".join([NOTE, "", *PAGES[name]()]).rstrip() + "\n"


PAGES: dict[str, Callable[[], Iterable[str]]] = {
    "settings.md": settings_page,
    "http.md": http_page,
    "problems.md": problems_page,
    "metrics.md": metrics_page,
    "manifest.md": manifest_page,
    "cli.md": lambda: cli_page(command_line()),
}


def code_system_text() -> str:
    """The CodeSystem resource, as people read it."""
    from service.fhir.code_system import code_system

    return json.dumps(json.loads(code_system().to_json()), indent=2) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 where a page is stale")
    check = parser.parse_args().check
    stale = []
    texts = {REFERENCE / name: page(name) for name in PAGES} | {CODE_SYSTEM: code_system_text()}
    for path, text in texts.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{'stale' if check else 'written'}: {', '.join(stale)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
