"""From the command to the first answer, and what stays in memory, against importing torch, timm and gradio alone."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.running_app import running_app
from benchmarks.table import ROOT, watched, write

IMPORTS = "import torch, timm, gradio"


def first_answer() -> tuple[float, float, float]:
    """Seconds until app.py says its address, seconds until its first answer, and resident MiB after five answers."""
    from gradio_client import Client, handle_file

    photo = str(ROOT / "examples" / "tone-4-uneven.jpg")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, running_app(Path(scratch)) as app:
        listening = time.perf_counter() - began
        client = Client(app.address, verbose=False)
        client.predict(handle_file(photo), api_name="/assess")
        answered = time.perf_counter() - began
        for _ in range(4):
            client.predict(handle_file(photo), api_name="/assess")
        return listening, answered, app.memory() / 2**20


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
        rows.append({"what": what, "seconds": seconds, "times the imports": seconds / alone})
    memory = min(one[2] for one in served)
    rows[-1] |= {"MiB": memory, "times their memory": memory / resident}
    for words in (["skin_model"], ["train"], ["train", "fit"], ["train", "push"], ["on_device.build"]):
        helped = [watched([sys.executable, "-m", *words, "--help"]) for _ in range(repeats)]
        rows.append({"what": f"python -m {' '.join(words)} --help", "seconds": min(one.seconds for one in helped)})
    write("start", rows)
