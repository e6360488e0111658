"""From the command to the first answer, and what stays in memory, against importing torch, timm and gradio alone."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.running_app import running_app
from benchmarks.speed_page import write_page
from benchmarks.table import ROOT, watched, write

IMPORTS = "import torch, timm, gradio"


PHOTO = str(ROOT / "examples" / "tone-4-uneven.jpg")


def first_answer() -> tuple[float, float, float, float]:
    """Seconds until app.py says its address and until its first answer; resident MiB then, and after five answers."""
    from gradio_client import Client, handle_file

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, running_app(Path(scratch)) as app:
        listening, at_rest = time.perf_counter() - began, app.memory() / 2**20
        client = Client(app.address, verbose=False)
        client.predict(handle_file(PHOTO), api_name="/assess")
        answered = time.perf_counter() - began
        for _ in range(4):
            client.predict(handle_file(PHOTO), api_name="/assess")
        return listening, answered, at_rest, app.memory() / 2**20


def start(
    repeats: Annotated[int, typer.Option(min=1, help="How often each is started; the fastest counts.")] = 5,
) -> None:
    """Cold start to the first answer, memory while serving, and `--help`, against the imports alone."""
    rows: list[dict[str, Any]] = []
    imports = [watched([sys.executable, "-c", IMPORTS]) for _ in range(repeats)]
    alone, resident = min(one.seconds for one in imports), min(one.peak_mib for one in imports)
    rows.append({"what": "import torch, timm, gradio", "seconds": alone, "MiB": resident})
    served = [first_answer() for _ in range(repeats)]
    for number, what in enumerate(("app.py listens", "app.py, first answer")):
        seconds = min(one[number] for one in served)
        memory = min(one[number + 2] for one in served)
        row = {"what": what, "seconds": seconds, "MiB": memory, "times the imports": seconds / alone}
        rows.append(row | {"times their memory": memory / resident})
    scored = [watched([sys.executable, "-m", "skin_model", PHOTO, "--json"]) for _ in range(repeats)]
    seconds, memory = min(one.seconds for one in scored), min(one.peak_mib for one in scored)
    rows.append({"what": "python -m skin_model PHOTO --json", "seconds": seconds, "MiB": memory})
    for words in (["skin_model"], ["train"], ["train", "fit"], ["train", "push"], ["on_device.build"]):
        helped = [watched([sys.executable, "-m", *words, "--help"]) for _ in range(repeats)]
        rows.append({"what": f"python -m {' '.join(words)} --help", "seconds": min(one.seconds for one in helped)})
    write("start", rows)
    write_page("start")
