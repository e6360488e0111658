"""An error's values stay out of the log."""

from __future__ import annotations

import gradio.queueing

from interface.server import errors


def test_the_log_names_kind_and_place_of_an_error_and_of_its_cause_but_no_values(capsys, monkeypatch):
    monkeypatch.setattr(gradio.queueing, "traceback", gradio.queueing.traceback)
    errors.keep_values_out_of_the_log()
    try:
        try:
            open("/nowhere/erikas-mole.jpg")  # noqa: PTH123, SIM115
        except OSError as problem:
            raise ValueError("erikas-mole.jpg cannot be read") from problem
    except ValueError:
        gradio.queueing.traceback.print_exc()
    said = capsys.readouterr().err
    assert "erikas-mole" not in said
    assert said.index("ValueError in:") < said.index("FileNotFoundError in:")
    assert "test_errors.py" in said
