"""`python -m export --checkpoint FILE --out DIR`: a trained checkpoint -> a bundle that the service can serve."""

import typer

from export.commands import export_command

if __name__ == "__main__":
    typer.run(export_command)
