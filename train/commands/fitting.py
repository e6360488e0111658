"""Commands that train: ``fit``, ``outline`` and ``locator``."""

from pathlib import Path
from typing import Annotated

import typer

from train import UserError
from train.commands import options

app = typer.Typer()


@app.command()
def fit(
    work: options.Work,
    out: Annotated[Path, typer.Option(help="The run folder: checkpoint/, history.csv and plots.")],
    recipe: options.RecipeName = "released",
    backbone: options.Backbone = None,
    teacher: options.Teachers = None,
    start: Annotated[
        Path | None, typer.Option(help="A checkpoint folder to train on, head and all, in place of a backbone.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the recipe's own.")] = None,
    epochs: options.Epochs = None,
    input_size: options.InputSize = None,
    folds: options.Folds = None,
    fold: Annotated[
        list[int] | None,
        typer.Option(
            help="Train only this fold here, counted from 0; repeat the option for several. Folds that shall only "
            "teach another recipe need no last network: name them all."
        ),
    ] = None,
) -> None:
    """Train one recipe, calibrate it and write a checkpoint; the same command resumes an interrupted run.

    With the same options, on several GPUs or machines: accelerate launch -m train fit ...; on several CPU processes:
    ACCELERATE_USE_CPU=true OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 -m train fit ...
    """
    from train.fitting import fit
    from train.fitting.folds import fit_folds
    from train.fitting.recipes import find

    asked = {"seed": seed, "epochs": epochs, "input_size": input_size}
    chosen = find(recipe).change(**{name: value for name, value in asked.items() if value is not None})
    count = folds or chosen.folds
    if fold and not count:
        raise UserError("--fold needs --folds, the number of folds that there are.")
    if count:
        if start is not None:
            raise UserError("--start is not for folds: an earlier checkpoint may have seen what a fold holds out.")
        written = fit_folds(work, out, chosen, backbone, count=count, only=fold or [], teachers=teacher or [])
    else:
        written = fit.fit(work, out, chosen, backbone, teachers=teacher or [], start=start)
    if written is not None:
        folder = out / "checkpoint"
        print(f"Wrote {folder}. Next: python -m train evaluate --checkpoint {folder} --work {work} --out REPORT")


@app.command(name="outline")
def outline_network(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare: its split decides who trains.")],
    data: Annotated[Path, typer.Option(help="The data folder whose outlines.jsonl holds lesions as people drew them.")],
    out: Annotated[Path, typer.Option(help="The folder for outline.safetensors, outline.onnx and outline.json.")],
    test: Annotated[
        bool, typer.Option("--test", help="Also measure the test split. It decides nothing; do it once, at the end.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the usual number.")] = None,
    resamples: options.Resamples = 1000,
) -> None:
    """Train the network that outlines lesions, about twelve minutes on two cores; the same command resumes.

    Trains on outlined photographs of the training split, keeps the epoch that is best on validation, and prints the
    mean Dice there: 1 where outlines agree with the people's, 0 where they share nothing. To use the weights, copy
    the three files to skin_model/weights.
    """
    from train.export import outline
    from train.fitting.outline import training

    found = training.train(work, data, out, epochs=epochs or training.EPOCHS, test=test, resamples=resamples)
    exported = outline.write(out / training.WEIGHTS_FILE, out)
    print(training.table(found))
    print(f"\nWrote {out / training.WEIGHTS_FILE}, {exported} and {out / training.FIGURES_FILE}.")


@app.command()
def locator(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare: its split decides who trains.")],
    pictures: Annotated[Path, typer.Option(help="Ordinary pictures, as python -m train outliers fetches them.")],
    out: Annotated[Path, typer.Option(help="The folder for locator.safetensors, locator.onnx and locator.json.")],
    backbone: options.Backbone = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the usual number.")] = None,
) -> None:
    """Train the network that finds the spot in a photo, about half an hour on two cores; the same command resumes.

    Composes scenes of the training split's photographs, rendered skin and ordinary pictures, keeps the epoch that is
    best on scenes of the validation split, and prints how often the spot was located there. To use it, copy the three
    files to skin_model/weights, then train and evaluate the network anew: it sees what the locator cuts out.
    """
    from train.export import locator
    from train.fitting.locator import training

    found = training.train(work, pictures, out, backbone, epochs=epochs or training.EPOCHS)
    exported = locator.write(out / training.WEIGHTS_FILE, out)
    print(training.table(found))
    print(f"\nWrote {out / training.WEIGHTS_FILE}, {exported} and {out / training.FIGURES_FILE}.")
