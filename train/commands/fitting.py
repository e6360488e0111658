"""Commands that train: ``fit`` and ``outline``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def fit(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare.")],
    out: Annotated[Path, typer.Option(help="The run folder: checkpoint/, history.csv and plots.")],
    recipe: Annotated[str, typer.Option(help="How to train; an unknown name prints the list.")] = "released",
    backbone: Annotated[
        Path | None, typer.Option(help="ImageNet weights as a safetensors file. Default: timm fetches them.")
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="Checkpoint folders that the recipe distilled learns from, once each.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the recipe's own.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's own.")] = None,
    input_size: Annotated[int | None, typer.Option(min=32, help="In place of the recipe's own, in pixels.")] = None,
) -> None:
    """Train one recipe, calibrate it and write a checkpoint; the same command resumes an interrupted run.

    With the same options, on several GPUs or machines: accelerate launch -m train fit ...; on several CPU processes:
    ACCELERATE_USE_CPU=true OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 -m train fit ...
    """
    from train.fitting import fit as room
    from train.fitting.recipes import find

    asked = {"seed": seed, "epochs": epochs, "input_size": input_size}
    chosen = find(recipe).change(**{name: value for name, value in asked.items() if value is not None})
    if room.fit(work, out, chosen, backbone, teachers=teacher or []) is not None:
        folder = out / "checkpoint"
        print(f"Wrote {folder}. Next: python -m train evaluate --checkpoint {folder} --work {work} --out REPORT")


@app.command(name="outline")
def outline_network(
    work: Annotated[Path, typer.Option(help="The work folder made by prepare: its split decides who trains.")],
    data: Annotated[Path, typer.Option(help="The data folder whose outlines.jsonl holds lesions as people drew them.")],
    out: Annotated[Path, typer.Option(help="The folder for outline.safetensors and outline.json.")],
    test: Annotated[
        bool, typer.Option("--test", help="Also measure the test split. It decides nothing; do it once, at the end.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the usual number.")] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind every interval.")] = 1000,
) -> None:
    """Train the network that outlines lesions, about twelve minutes on two cores; the same command resumes.

    Trains on outlined photographs of the training split, keeps the epoch that is best on validation, and prints the
    mean Dice there: 1 where outlines agree with the people's, 0 where they share nothing. To use the weights, copy
    outline.safetensors and outline.json to skin_model/weights.
    """
    from train.fitting.outline import training as room

    found = room.train(work, data, out, epochs=epochs or room.EPOCHS, test=test, resamples=resamples)
    print(room.table(found))
    print(f"\nWrote {out / room.WEIGHTS_FILE} and {out / room.FIGURES_FILE}.")
