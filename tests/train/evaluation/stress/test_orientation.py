"""How a photo lies: all eight ways are seen once, and photographs that do not keep their band are counted."""

import numpy as np
import pandas as pd
import pytest

from skin_model.photo import Photo
from train.evaluation.stress import orientation

PHOTO = Photo(np.arange(18, dtype=np.uint8).reshape(2, 3, 3), 30, 20)


def found(*answers, risks=(0.1,) * 8):
    ways = range(orientation.ORIENTATIONS)
    return pd.DataFrame(
        [{f"answer_{w}": row[w] for w in ways} | {f"risk_{w}": risks[w] for w in ways} for row in answers]
    )


def rows(*sources):
    return pd.DataFrame({"source": sources, "group": [str(i) for i in range(len(sources))]})


def test_the_first_way_is_the_photo_as_it_is():
    assert np.array_equal(orientation.turned(PHOTO, 0).rgb, PHOTO.rgb)


def test_all_eight_ways_differ():
    assert len({orientation.turned(PHOTO, way).rgb.tobytes() for way in range(orientation.ORIENTATIONS)}) == 8


@pytest.mark.parametrize("way", range(orientation.ORIENTATIONS))
def test_width_and_height_change_places_with_every_quarter_turn(way):
    photo = orientation.turned(PHOTO, way)
    assert (photo.width, photo.height) == ((20, 30) if way % 2 else (30, 20))
    assert photo.rgb.shape[:2] == ((3, 2) if way % 2 else (2, 3))


def test_one_other_answer_in_eight_counts_as_changed_and_so_does_a_refusal():
    same, once, refused = ["low"] * 8, ["low"] * 7 + ["raised"], ["not_skin"] + ["high"] * 7
    figures = orientation.summarise(found(same, once, refused, same), rows("a", "a", "b", "b"), resamples=10)
    assert figures["changed"]["value"] == 0.5
    assert {name: (of["n"], of["changed"]["value"]) for name, of in figures["by_source"].items()} == {
        "a": (2, 0.5),
        "b": (2, 0.5),
    }


def test_the_largest_difference_is_the_median_over_photographs():
    figures = orientation.summarise(
        found(["low"] * 8, risks=(0.1, 0.4, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2)), rows("a"), resamples=10
    )
    assert figures["largest_difference"] == pytest.approx(0.3)
