"""What the log says of an error: what kind and where, never with which values, for those may be a photo or its name."""

import sys
import traceback
from types import SimpleNamespace

import gradio.queueing


def print_where() -> None:
    """Print the kind of the exception in hand, and of those that led to it, with their places in the code."""
    problem = sys.exc_info()[1]
    while problem is not None:
        print(f"{type(problem).__name__} in:", file=sys.stderr)
        for frame in traceback.extract_tb(problem.__traceback__):
            print(f"  {frame.filename}:{frame.lineno} {frame.name}", file=sys.stderr)
        problem = problem.__cause__ or problem.__context__
    sys.stderr.flush()


def keep_values_out_of_the_log() -> None:
    """Let Gradio's queue, which prints the text of every error with the values in it, print only where it happened."""
    gradio.queueing.traceback = SimpleNamespace(print_exc=print_where)  # type: ignore[assignment]
