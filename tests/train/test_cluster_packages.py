"""Ray that is slow to start, on a machine that does much else."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from train.cluster_packages import STARTS, start_ray

SLOW = "The current node timed out during startup. This could happen because the GCS has become overloaded."


class Ray(SimpleNamespace):
    """Starts after so many attempts, each of which fails with ``says``."""

    def __init__(self, failures: int, says: str = SLOW) -> None:
        super().__init__(asked=[], left=failures, says=says, shutdown=lambda: None)

    def init(self, **options: object) -> None:
        self.asked.append(options)
        self.left -= 1
        if self.left >= 0:
            raise Exception(self.says)


def test_ray_that_was_too_slow_is_started_again_with_the_same_options(monkeypatch):
    slow = Ray(failures=STARTS - 1)
    monkeypatch.setitem(sys.modules, "ray", slow)
    start_ray(address="local", num_cpus=2)
    assert slow.asked == [{"address": "local", "num_cpus": 2}] * STARTS


@pytest.mark.parametrize(("failures", "says", "asked"), [(99, SLOW, STARTS), (99, "No such address.", 1)])
def test_what_does_not_pass_with_time_is_raised(monkeypatch, failures, says, asked):
    broken = Ray(failures, says)
    monkeypatch.setitem(sys.modules, "ray", broken)
    with pytest.raises(Exception, match=says):
        start_ray()
    assert len(broken.asked) == asked
