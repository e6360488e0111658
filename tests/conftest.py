"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photographs beside the repository; the test is skipped where it is missing."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not (folder / "lesions.csv").is_file():
        pytest.skip(f"needs the real photographs in {folder}")
    return folder


@pytest.fixture(scope="session")
def backbone_file() -> Path:
    """The ImageNet backbone beside the repository; the test is skipped where it is missing."""
    file = REPOSITORY.parent / "shared" / "weights" / "tf_mobilenetv3_small_100.safetensors"
    if not file.is_file():
        pytest.skip(f"needs the ImageNet backbone {file}")
    return file
