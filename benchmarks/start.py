"""From the command to the first answer, and what stays in memory, against importing torch, timm and gradio alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Annotated, Any

import psutil
import typer

from benchmarks.table import ROOT, watched, write

IMPORTS = "import torch, timm, gradio"


def first_answer() -> tuple[float, float, float]:
    """Seconds until app.py says its address, seconds until its first answer, and resident MiB after five answers."""
    from gradio_client import Client, handle_file

    photo = str(ROOT / "examples" / "tone-4-uneven.jpg")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        server = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            address = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+", line)))
            listening = time.perf_counter() - began
            client = Client(address, verbose=False)
            client.predict(handle_file(photo), api_name="/assess")
            answered = time.perf_counter() - began
            for _ in range(4):
                client.predict(handle_file(photo), api_name="/assess")
            resident = psutil.Process(server.pid).memory_info().rss / 2**20
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
    return listening, answered, resident


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
