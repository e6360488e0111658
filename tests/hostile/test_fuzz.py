"""The search for files that break the gate: bounded, guided, and able to find something."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


def search(seconds: int, folder, broken: str = "") -> subprocess.CompletedProcess[str]:
    """Run the search; ``broken`` is Python that is run before it, to break the gate."""
    code = (
        f"{broken}\nimport runpy, sys\nsys.argv = ['fuzz', '--seconds', '{seconds}', '--findings', {str(folder)!r}]\n"
    )
    code += "runpy.run_module('tests.hostile.fuzz', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=seconds + 120
    )


@pytest.fixture(autouse=True)
def atheris():
    return pytest.importorskip("atheris", reason="needs atheris (requirements-dev.txt)")


@pytest.mark.slow
def test_ten_minutes_of_changed_files_end_in_photos_and_refusals(tmp_path):
    done = search(600, tmp_path)
    print(done.stderr[-600:])
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(tmp_path.iterdir()) == []


def test_a_gate_that_lets_an_error_through_is_found(tmp_path):
    """Else a quiet search would prove nothing."""
    broken = "import skin_model.photo.webp as w\ndef fail(data): raise SystemError('broken on purpose')\n"
    broken += "import skin_model.photo.opening as p\n"
    broken += "p._damage_refused = __import__('contextlib').nullcontext\nw.read_header = fail"
    done = search(20, tmp_path, broken)
    assert done.returncode != 0
    assert [file.name.split("-")[0] for file in tmp_path.iterdir()] == ["crash"]
