"""How the page's controls are wired."""

from __future__ import annotations

from interface import blocks
from interface.server.settings import Settings
from skin_model.assess import Assessor


def test_the_last_move_of_a_control_is_never_dropped():
    """By default Gradio drops an input that comes while the one before it still runs."""
    page = blocks.build(Assessor.load(), Settings.from_environment())
    moves = [event for event in page.config["dependencies"] if any(name == "input" for _, name in event["targets"])]
    assert len(moves) > 3
    assert {event["trigger_mode"] for event in moves} == {"always_last"}
