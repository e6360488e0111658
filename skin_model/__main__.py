"""python -m skin_model PHOTO_OR_FOLDER…: score photos from the command line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from skin_model.command_line import begin, command, printable, require
from skin_model.pools import thread_pool

if __name__ == "__main__":
    begin("typer", "tqdm", requirements="requirements.txt", status=1)

import typer
from tqdm import tqdm

if TYPE_CHECKING:
    import numpy as np

    from skin_model.assess import Assessor
    from skin_model.context_table import ContextTable
    from skin_model.network.context import Context

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

METHODS = ("turned_grad_cam", "integrated_gradients", "grad_cam", "occlusion", "gradient_shap", "kernel_shap", "lime")
"""As ``skin_model.network.saliency`` has them, which takes seconds to import."""


@app.command()
def score(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO_OR_FOLDER...", help="Photos, or folders of photos.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|HUB_ID[@REVISION]", help="Default: the checkpoint that comes with the package."),
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also draw where the risk comes from, one PNG a photo.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help=f"How the overlay is made: {', '.join(METHODS)}. Default: the first. kernel_shap and lime need the "
            "packages of requirements-train.txt."
        ),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(
            metavar="1|2|4|8", help="Average over mirrored and turned views of each photo. Default: the checkpoint's."
        ),
    ] = None,
    age: Annotated[float | None, typer.Option(help="Years, of the person in all these photos.")] = None,
    sex: Annotated[str | None, typer.Option(metavar="female|male", help="Of that person.")] = None,
    site: Annotated[str | None, typer.Option(help="Where the spot is: face, chest, back, arm, leg, palm …")] = None,
    context: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="The same for each photo: a table with the columns file, age, sex and site."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")] = False,
) -> None:
    """Score photos of skin lesions: the risk that each shows skin cancer, its band, and what is wrong with the picture.

    A screening aid, not a diagnosis. Photos stay on this computer.

    With --age, --sex, --site or --context the answer has a second risk, "with context": what these add to the picture.
    It stands beside the risk of the picture alone and never replaces it.

    Example: python -m skin_model mole.jpg holiday/ --overlay overlays --json

    Exit status: 0 all arguments exist; 2 one does not (the others are still scored); 1 the checkpoint cannot be used.
    """
    from skin_model.network.checkpoint_folder import CheckpointError, check

    try:
        check(checkpoint)  # before what takes time to import
        import cv2

        from skin_model.assess import Assessor
        from skin_model.context_table import ContextTable
        from skin_model.network.context import Context, UnknownContext
        from skin_model.network.turned_views import VIEWS

        try:
            listed = None if context is None else ContextTable(context)
            told = _told(Context.told("" if age is None else age, sex or "", site or ""), listed)
        except UnknownContext as problem:
            print(f"Error: {problem}", file=sys.stderr)
            raise typer.Exit(2) from None
        if method is not None and method not in METHODS:
            raise typer.BadParameter(f"choose one of {', '.join(METHODS)}.", param_hint="--method")
        if method in ("kernel_shap", "lime"):
            require("skimage", "sklearn", requirements="requirements-train.txt", status=1)
        if views is not None and views not in VIEWS:
            raise typer.BadParameter(f"choose one of {', '.join(map(str, VIEWS))}.", param_hint="--views")
        cv2.setNumThreads(1)
        assessor = Assessor.load(checkpoint, views)
    except CheckpointError as problem:
        print(f"Error: {problem}", file=sys.stderr)
        raise typer.Exit(1) from None
    if overlay is not None and not _is_usable_folder(overlay):
        print(f"Error: {overlay} cannot be made a folder. Name another folder after --overlay.", file=sys.stderr)
        raise typer.Exit(1)

    if assessor.checkpoint.config.context is None and (context or any(v is not None for v in (age, sex, site))):
        print("This checkpoint does not know what age, sex and site add, so they are not used.", file=sys.stderr)
    if method is not None and overlay is None:
        print("Nothing is drawn without --overlay DIR, so --method changes nothing.", file=sys.stderr)
    files = list(_expand(photos))
    unlisted = [] if listed is None else [str(file) for file in files if listed.of(file) is None]
    if unlisted:
        examples = printable(", ".join(unlisted[:3]))
        print(f"No row of {context} tells of {len(unlisted)} of {len(files)} photos: {examples}.", file=sys.stderr)
    drawings = _overlay_files(files, overlay)
    shown = {"total": len(files), "desc": "Scoring", "unit": "photo", "file": sys.stderr}
    # Decoding, OpenCV and torch leave Python's lock free, so a thread a core scores as fast as processes would.
    with thread_pool(min(os.cpu_count() or 1, len(files) or 1)) as pool:
        results = pool.imap(
            lambda work: _score_one(assessor, told(work[0]), method or METHODS[0], *work),
            zip(files, drawings, strict=True),
        )
        unwritten = 0
        for result, problem in tqdm(results, disable=None if len(files) > 1 else True, **shown):
            tqdm.write(json.dumps(result) if as_json else _line(result), file=sys.stdout)
            if problem is not None:
                unwritten += 1
                said = f"The overlay of {result['file']} was not written: {problem.strerror or problem}."
                tqdm.write(printable(said), file=sys.stderr)
    sys.stdout.flush()
    if overlay is not None:
        print(f"Overlays are in {overlay}{f', but for {unwritten}' if unwritten else ''}.", file=sys.stderr)
    if not all(map(_exists, photos)):
        raise typer.Exit(2)
    if unwritten:
        raise typer.Exit(1)


def _told(of_all: Context, listed: ContextTable | None) -> Callable[[Path], Context]:
    """What is told of each photo, the table before the options."""
    return lambda photo: (listed and listed.of(photo)) or of_all


def _is_usable_folder(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for any file
        return False


def _expand(arguments: list[Path]) -> Iterator[Path]:
    """Every file named, in order, and once; folders give their photos, sorted by path, and say on stderr what else they
    hold. How many photos several arguments name is said too.
    """
    seen: set[Path] = set()
    again = 0
    for file in _each(arguments):
        # Folders are followed through links, so that one photo is known again; a link to a photo is a file by itself.
        place = file.parent.resolve() / file.name
        again += place in seen
        if place not in seen:
            seen.add(place)
            yield file
    if again:
        print(f"Scored once although several arguments name them: {again}.", file=sys.stderr)


def _each(arguments: list[Path]) -> Iterator[Path]:
    from skin_model.photo.folders import list_folder

    for argument in arguments:
        if not (_exists(argument) and argument.is_dir()):
            yield argument
            continue
        found = list_folder(argument)
        if not found.photos:
            print(f"{argument} holds no photos (JPEG, PNG, WebP or HEIC).", file=sys.stderr)
        passed = [str(path) for path in (*found.others, *found.unreadable, *found.hidden)]
        if passed:
            examples = printable(", ".join(passed[:3]))
            said = f"Not looked at in {argument}: {len(passed)} that are no photos, for example {examples}."
            print(said, file=sys.stderr)
        yield from (argument / path for path in found.photos)


def _score_one(
    assessor: Assessor, told: Context, method: str, file: Path, drawing: Path | None
) -> tuple[dict[str, Any], OSError | None]:
    """What is said of a photo, and why its overlay could not be written, where it could not."""
    from skin_model.assess import Assessment, opened

    photo = opened(file)
    if isinstance(photo, Assessment):
        return photo.to_json(str(file)), None
    view = assessor.view(photo)
    assessment = assessor.assess(photo, view, told)
    result = assessment.to_json(str(file))
    if drawing is not None:
        drawn = assessor.explain(photo, method, view=view, assessment=assessment)
        try:
            _save_png(drawn, drawing)
        except OSError as problem:
            return result, problem
    return result, None


_LONGEST_NAME = 240
"""Bytes of an overlay's name without its ending: file systems take 255, and it is written under a longer one first."""


def _overlay_files(files: list[Path], folder: Path | None) -> list[Path | None]:
    """For each photo its overlay: the photo's name with .png, shortened where it is too long, and numbered where photos
    of different folders share it, whatever their case, or where a photo lies there.
    """
    if folder is None:
        return [None] * len(files)
    photos = {os.path.realpath(file).casefold() for file in files}
    taken: dict[str, Path] = {}
    for file in files:
        name, number = f"{_cut(file.stem, _LONGEST_NAME)}.png", 2
        while (place := os.path.realpath(folder / name).casefold()) in taken or place in photos:
            ending = f"-{number}"
            name, number = f"{_cut(file.stem, _LONGEST_NAME - len(ending))}{ending}.png", number + 1
        taken[place] = folder / name
    return list(taken.values())


def _cut(name: str, most: int) -> str:
    """The first ``most`` bytes of a name, in whole characters."""
    stored = os.fsencode(name)
    return name if len(stored) <= most else stored[:most].decode(errors="ignore")


def _save_png(rgb: np.ndarray, file: Path) -> None:
    from PIL import Image

    from skin_model.atomic_files import replacing

    with replacing(file) as aside:
        Image.fromarray(rgb).save(aside, format="PNG")


def _line(result: dict[str, Any]) -> str:
    from skin_model.wording import Words, sentence

    name = printable(result["file"])
    if result["refused"]:
        return f"{name}: {result['message']}"
    hints = "".join(f"\n    {sentence('problem.' + code)}" for code in result["problems"])
    risk = Words().percent(result["risk"])
    both = result["risk_with_context"]
    told = "" if both is None else f"\n    {sentence('context.risk', risk=Words().percent(both))}"
    return f"{name}: {risk} · {sentence('band.' + result['band'])}{told}{hints}"


if __name__ == "__main__":
    with command("requirements.txt", status=1):
        app(prog_name="python -m skin_model")
