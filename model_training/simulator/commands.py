"""Simulated patients with ground truth, a sheet of them, palsies put on photographs, and the picking of the
photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand

from model_training.command_options import progress_bar, refuse_given
from model_training.errors import TrainingError
from model_training.shard_options import RayAddress, ShardText, on_ray, shard_done, share_of_work
from model_training.simulator.sessions.regions import Regions

if TYPE_CHECKING:
    from model_training.simulator.dataset import PeopleConfig

OutFolder = Annotated[Path, typer.Option("--out", help="Folder to write; an interrupted run in it goes on.")]
Processes = Annotated[int, typer.Option(help="Rendering processes, one core each.", min=1)]
ImageSize = Annotated[int, typer.Option("--size", help="Side of the square photographs in pixels.")]


def simulate_command(
    out: OutFolder,
    identities: Annotated[int, typer.Option(help="Number of people.")] = 40,
    images_per_identity: Annotated[int, typer.Option(help="Photographs of each person.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data set.")] = 0,
    split: Annotated[str, typer.Option(help="train, validation or test for every row; empty leaves it open.")] = "",
    size: ImageSize = 384,
    first_identity: Annotated[int, typer.Option(help="Number of the first person.")] = 0,
    processes: Processes = 2,
    shard: ShardText = None,
    ray: RayAddress = None,
) -> None:
    """Simulate people with facial palsy: photographs, grades, sides, regional severities and true asymmetry maps.

    Example: `htnet simulate renders --out runs/simulated --identities 40 --seed 1`
    """
    from model_training.configuration import build
    from model_training.simulator.dataset import SimulationConfig

    settings = {
        "identities": identities,
        "images_per_identity": images_per_identity,
        "seed": seed,
        "size_px": size,
        "split": split,
        "first_identity": first_identity,
    }
    _simulate_people(out, build(SimulationConfig, settings), processes=processes, shard=shard, ray=ray)


def sessions_command(
    out: OutFolder,
    identities: Annotated[int, typer.Option(help="Number of people.")] = 40,
    regions: Annotated[
        Regions,
        typer.Option(
            help="alike: one severity in all regions, nearly; differ: patterns such as a spared forehead; healthy."
        ),
    ] = "alike",
    palsies: Annotated[int, typer.Option(help="Palsies of each person.")] = 2,
    visits: Annotated[int, typer.Option(help="Examinations of each palsy: another light, camera and effort.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed gives the same examinations.")] = 0,
    split: Annotated[str, typer.Option(help="train, validation or test for every row; empty leaves it open.")] = "",
    size: ImageSize = 640,
    first_identity: Annotated[int, typer.Option(help="Number of the first person.")] = 0,
    processes: Processes = 2,
    shard: ShardText = None,
    ray: RayAddress = None,
) -> None:
    """Simulate examinations: one palsy in eight poses, on one or more visits, with true measures in millimetres.

    Example: `htnet simulate sessions --out runs/sessions --identities 40 --regions differ --seed 1`
    """
    from model_training.configuration import build
    from model_training.simulator.sessions.session_set import SessionSetConfig

    settings = {
        "identities": identities,
        "regions": regions,
        "palsies": palsies,
        "visits": visits,
        "seed": seed,
        "size_px": size,
        "split": split,
        "first_identity": first_identity,
    }
    _simulate_people(out, build(SessionSetConfig, settings), processes=processes, shard=shard, ray=ray)


def _simulate_people(out: Path, config: PeopleConfig, *, processes: int, shard: str | None, ray: str | None) -> None:
    from model_training.simulator.dataset import simulate

    share = share_of_work(shard, ray)
    if ray is not None:
        on_ray(ray, lambda part: simulate(out, config, shard=part), folder=out, units=config.identities)
    people = len(config.person_ids() if share is None else share.of(config.person_ids()))
    with progress_bar("photographs", total=people * config.photographs_per_person) as bar:
        table = simulate(out, config, processes=processes, shard=share, on_progress=bar.advance)
    typer.echo(shard_done(share, out) if share else f"wrote {table}")


def preview_command(
    out: Annotated[Path, typer.Option(help="Folder for preview.jpg.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.")] = 0,
    size: ImageSize = 384,
) -> None:
    """One sheet of simulated people, OUT/preview.jpg: poses in rows, grades in columns.

    Example: `htnet simulate preview --out runs/preview --seed 5`
    """
    import cv2

    from model_training.simulator.contact_sheet import contact_sheet
    from model_training.simulator.head.head import Head

    if not 16 <= size <= 2048:
        raise TrainingError(f"--size must lie in [16, 2048], got {size}")
    sheet = contact_sheet(Head.load(), seed=seed, size_px=size)
    path = out / "preview.jpg"
    out.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise TrainingError(f"{path}: could not be written")
    typer.echo(f"wrote {path}")


def warp_command(
    context: typer.Context,
    photo: Annotated[
        Path,
        typer.Option(help="Image file, folder of them, or sample table (its rows of grade I), with healthy faces."),
    ],
    out: OutFolder,
    per_photo: Annotated[
        int | None,
        typer.Option(
            help="Palsies drawn at random for each face; every pose, side and grade on each otherwise.", min=1
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="With --per-photo: the same seed draws the same palsies.")] = 0,
    split: Annotated[
        str,
        typer.Option(help="train, validation or test for every row whose table does not say; empty leaves it open."),
    ] = "",
    mover: Annotated[
        str,
        typer.Option(
            help="What moves the face: fields (smooth fields made for photographs), units (face units of the simulated "
            "head), either of these, or pins (another one, for judging only)."
        ),
    ] = "fields",
) -> None:
    """Put palsies on photographs of healthy faces.

    Example: `htnet simulate palsies-on-photos --photo runs/portraits --out runs/warped --per-photo 4 --seed 1`
    """
    from model_training.simulator.photographs.warped_set import find_photographs, warp_photograph_set

    if per_photo is None:
        refuse_given(context, "seed", why="every pose, side and grade is put on each face; --per-photo draws them")
    if split and all(photograph.split != split for photograph in find_photographs(photo, split=split)):
        refuse_given(context, "split", why=f"every row of {photo} names its own")
    with progress_bar("faces") as bar:
        table = warp_photograph_set(
            photo, out, per_photo=per_photo or 0, seed=seed, split=split, mover=mover, on_progress=bar.at
        )
    typer.echo(f"wrote {table}")


def warp_sessions_command(
    photo: Annotated[
        Path,
        typer.Option(help="Image file, folder of them, or sample table (its rows of grade I), with healthy faces."),
    ],
    out: OutFolder,
    regions: Annotated[
        Regions, typer.Option(help="alike: one severity in all regions, nearly; differ: patterns; healthy: no palsy.")
    ] = "differ",
    palsies: Annotated[int, typer.Option(help="Of each face, an examination each.", min=1)] = 1,
    mover: Annotated[
        str, typer.Option(help="What moves the face: fields (smooth fields) or units (those of the simulated head).")
    ] = "fields",
    seed: Annotated[int, typer.Option(help="The same seed draws the same palsies.")] = 0,
    split: Annotated[str, typer.Option(help="train, validation or test for every row; empty leaves it open.")] = "",
) -> None:
    """Examinations on photographs of healthy faces: rest, brow lift, gentle closure and smile of one palsy each.

    Example: `htnet simulate sessions-on-photos --photo runs/portraits --out runs/portrait-sessions --split test`
    """
    from model_training.simulator.photographs.warped_sessions import warp_session_set

    with progress_bar("faces") as bar:
        table = warp_session_set(
            photo, out, regions=regions, palsies=palsies, mover=mover, seed=seed, split=split, on_progress=bar.at
        )
    typer.echo(f"wrote {table}")


def portraits_command(
    source: Annotated[Path, typer.Argument(help="Folder of pictures, searched with all below it.")],
    out: Annotated[Path, typer.Option(help="Folder for the portraits that can be used.")],
) -> None:
    """Pick the pictures that a palsy can be put on: one sharp frontal face, each picture once.

    Example: `htnet simulate pick-portraits pif-website/assets/images/fellows --out runs/portraits`
    """
    from model_training.simulator.photographs.portraits import reasons_file, select_portraits

    with progress_bar("pictures") as bar:
        table = select_portraits(source, out, on_progress=bar.at)
    typer.echo(f"{int(table['kept'].sum())} of {len(table)} pictures: {out} ({reasons_file(out)} says why)")


def occlude_command(
    context: typer.Context,
    photo: Annotated[Path, typer.Option(help="Folder of portraits, or sample table of faces of any grade.")],
    out: OutFolder,
    hider: Annotated[
        str,
        typer.Option(
            help="What lies before the face: anything (shapes without a name, for training) or objects (patch, hand, "
            "hair, mask, sunglasses, tube, microphone: each once, for judging only)."
        ),
    ] = "anything",
    per_photo: Annotated[int, typer.Option(help="With --hider anything: pictures of each photograph.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="The same seed draws the same things.")] = 0,
    split: Annotated[str, typer.Option(help="train, validation or test for every row; empty leaves it open.")] = "",
) -> None:
    """Hide parts of faces, and write down what can still be seen.

    Example: `htnet simulate hidden-faces --photo runs/portraits --out runs/hidden --per-photo 5 --seed 1`
    """
    from model_training.simulator.occlusion.occluded_set import HIDERS, occlude_photographs

    known = next((name for name in HIDERS if name == hider), None)
    if known is None:
        raise TrainingError(f"--hider must be one of {', '.join(HIDERS)}, got {hider!r}")
    if known == "objects":
        refuse_given(context, "per_photo", why="--hider objects puts each object on every photograph once")
    with progress_bar("faces") as bar:
        table = occlude_photographs(
            photo, out, hider=known, per_photo=per_photo, seed=seed, split=split, on_progress=bar.at
        )
    typer.echo(f"wrote {table}")


def other_camera_command(
    table: Annotated[Path, typer.Argument(help="Sample table of photographs, or its folder.")],
    out: OutFolder,
    seed: Annotated[int, typer.Option(help="Draws the camera: its tones, colours, sharpness, noise, compression.")] = 0,
) -> None:
    """The photographs of a table as another camera takes them, with the same truth: one more site.

    Example: `htnet simulate other-camera runs/simulated --out runs/site-b --seed 2`
    """
    from model_training.simulator.photographs.other_camera import photograph_again

    with progress_bar("photographs") as bar:
        written = photograph_again(table, out, seed=seed, on_progress=bar.at)
    typer.echo(f"wrote {written}")


class FormerSimulate(TyperCommand):
    """`simulate` of `python -m model_training`, which was three commands in one: it says where the others are."""

    MOVED: ClassVar = {"--preview": "preview", "--photo": "warp", "--per-photo": "warp", "--mover": "warp"}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # Any: the class of contexts is typer's own
        for given in args:
            option = given.partition("=")[0]
            if option in self.MOVED:
                ctx.fail(f"{option} belongs to a command of its own now: python -m model_training {self.MOVED[option]}")
        return super().parse_args(ctx, args)
