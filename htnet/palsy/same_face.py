"""`htnet palsy judge-same-face`: is one person's examination doubted, another's picture among it noticed?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from face.image.files import images_under
from htnet.palsy.bundles import Models, palsy_bundle
from model_training.command_options import progress_bar
from model_training.errors import UserError

if TYPE_CHECKING:
    from face.palsy.assessment.measuring.picture import SessionPicture
    from face.vocabulary import Pose


def judge_same_face_command(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A folder with a folder of pictures for each person. `rest.jpg` and the like are taken as that pose."
        ),
    ],
    models: Models = None,
) -> None:
    """Is an examination of one person doubted to be of one, and another person's picture among it noticed?

    Example: `htnet palsy judge-same-face people/`
    """
    from face.errors import PreprocessingError
    from face.palsy.assessment.fitted import fitted_numbers
    from face.vocabulary import POSES
    from model_training.palsy.evaluation.sessions.same_face import judge_same_face
    from service.report.folder import picture_reader

    files = [path for path in images_under(folder) if path.parent != folder]
    if not files:
        raise UserError(f"{folder}: no folders with pictures in it; each person needs one of their own")
    people: dict[str, list[tuple[Pose | None, SessionPicture]]] = {}
    refused = 0
    with picture_reader(palsy_bundle(models)) as read, progress_bar("pictures") as bar:
        for number, path in enumerate(files, start=1):
            try:
                shown = next((pose for pose in POSES if path.stem == pose), None)
                people.setdefault(path.parent.name, []).append((shown, read(path.read_bytes())))
            except PreprocessingError:
                refused += 1
            bar.at(number, len(files))
    found = judge_same_face(people, fitted_numbers())
    typer.echo(
        f"{found.pictures} pictures of {found.people} people ({refused} could not be read): {found.doubted:.3f} of "
        f"sets of one person are doubted; where one of six is another person's, it is named in {found.noticed:.3f}"
    )
