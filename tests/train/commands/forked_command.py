"""Runs ``python -m train …`` in processes forked from one that has imported everything: torch alone takes seconds."""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

# What the commands import when they run, so that the process they are forked from has it.
import datasets  # noqa: F401
import torch

import train.commands.preparation
import train.evaluation.evaluate
import train.export.export
import train.export.onnx_files
import train.fitting.fit  # noqa: F401
from train.commands.command_line import main

FORKING = get_context("forkserver")
FORKING.set_forkserver_preload([__name__])


def start(words: list[str], log: Path) -> BaseProcess:
    """A started process, in a session of its own, that writes all it says to ``log``; exit status as ever."""
    process = FORKING.Process(target=_run, args=(words, log))
    process.start()
    return process


def _run(words: list[str], log: Path) -> None:
    os.setsid()
    with log.open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    torch.set_num_threads(1)
    main(words)
