"""Writes docs/reference from the code: settings, metrics, manifest, error codes, endpoints and the command line.

    python -m docs.generate_reference            # writes the pages that changed
    python -m docs.generate_reference --check    # exit status 1 where one is stale

Each page has a file in docs/reference_pages/. The pages are committed, so that they can be read where nothing is
built; tests/docs/test_reference.py keeps them current.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from docs.reference_pages.command_line import cli_page, command_line
from docs.reference_pages.http import http_page, problems_page
from docs.reference_pages.manifest import manifest_page
from docs.reference_pages.metrics import metrics_page
from docs.reference_pages.settings import settings_page

REFERENCE = Path(__file__).parent / "reference"
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
