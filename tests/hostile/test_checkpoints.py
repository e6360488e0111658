"""A checkpoint is input like any other: what is wrong with it is said in a sentence, and nothing it names is run."""

from __future__ import annotations

import json
import pickle
import socket
import struct
import sys

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from on_device.model_file import NotAnExport, metadata
from skin_model.diagnoses import DIAGNOSES
from skin_model.network.calibration import Calibration, Thresholds
from skin_model.network.checkpoint import EMBEDDED, Checkpoint, CheckpointError, Config
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.torch_backend import out_of_distribution
from skin_model.network.torch_backend.architecture import create
from skin_model.network.torch_backend.weights import Weights
from tests.hostile import opening
from tests.skin_model.network.test_checkpoint import accept_weights, change_config


@pytest.fixture
def saved(tmp_path):
    config = Config(DIAGNOSES, Preprocessing(), Calibration(1.5, -0.3, 0.15), Thresholds(0.1, 0.4, 0.15, 0.35))
    torch.manual_seed(0)
    Checkpoint(config, Weights(create(7).eval())).save(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def refusal(folder) -> str:
    """The sentence with which a checkpoint is refused: one line, and not Python's."""
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(folder)
    text = str(caught.value)
    assert "\n" not in text and "Traceback" not in text
    return text


def set_ours(path: str, value: object):
    """A change of config.json below skin_model: a path with dots to a value."""

    def change(content):
        *parents, last = path.split(".")
        place = content["skin_model"]
        for parent in parents:
            place = place[parent]
        place[last] = value

    return change


OURS = {
    "diagnoses": ["mel", ["mel"] * 1_000_000, ["mel", "mel"], ["<script>"], [["mel"]], {"mel": 1}, 7, None],
    "preprocessing.input_size": [0, -224, 10**9, 224.5, "224", True, None, [224]],
    "preprocessing.mean": [[0, 0], [0, 0, float("nan")], "abc", [[0], [0], [0]], None, 3],
    "preprocessing.std": [[1, 1, 0], [1, 1, -1], [1, 1, float("inf")], ["1", "1", "1"]],
    "preprocessing.crop": ["../../etc/passwd", None, ["border"]],
    "preprocessing.square": ["stretched"],
    "preprocessing.remove_hair": ["no", 1],
    "preprocessing.__class__": ["x"],
    "preprocessing": [[], "x", 5, None],
    "calibration.temperature": [0, -1, float("nan"), float("inf"), "1", 10**400, None],
    "calibration.malignant_offset": [float("nan"), "1", []],
    "calibration.reference_prevalence": [0, 1, 2, -1, "0.15"],
    "thresholds.low": [-1, 2, float("nan"), "0.1", None, []],
    "thresholds.high": [0.01],
    "operating_points": ["x", [1], [{}], [{"threshold": 2, "sensitivity": 1, "specificity": 1}], {"a": 1}],
    "training": ["x", [1], {"photographs": 5}, {"photographs": {"train": 5}}, {"photographs": {"train": {"a": "5"}}}],
    "schema": [None, "1", 1e308, [1]],
    "model_sha256": [None, 5, "../../../etc/passwd"],
    "gate_sha256": ["../../../etc/passwd", "0" * 64],
}


@pytest.mark.parametrize("path", OURS)
def test_no_value_of_a_config_is_trusted(saved, path):
    whole = (saved / "config.json").read_text()
    for value in OURS[path]:
        (saved / "config.json").write_text(whole)
        change_config(saved, set_ours(path, value))
        assert refusal(saved), value


@pytest.mark.parametrize(
    "architecture",
    [
        "hf-hub:someone/else",
        "hf_hub:someone/else",
        "local-dir:/etc",
        "../../weights",
        "/etc/passwd",
        "__import__('os')",
        "tf_mobilenetv3_small_100\n",
        "",
        None,
        7,
        ["tf_mobilenetv3_small_100"],
    ],
)
def test_an_architecture_is_a_name_and_no_address_or_path(saved, monkeypatch, architecture):
    """timm would fetch hf-hub:… and read local-dir:…, whatever lies there."""

    def never(*arguments, **options):
        raise AssertionError("the checkpoint made the app ask the network")

    monkeypatch.setattr(socket.socket, "connect", never)
    change_config(saved, lambda content: content.update(architecture=architecture))
    assert "the architecture must be a name of timm's" in refusal(saved)


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux records it")
def test_a_network_of_gigabytes_is_refused_before_it_takes_memory(saved):
    """vgg19's 140 million weights would take 558 MB."""
    change_config(saved, lambda content: content.update(architecture="vgg19"))
    before = opening.memory_from_here()
    assert "vgg19" in refusal(saved)
    assert opening.most_memory() - before < 150


CONFIGS = {
    "nested": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "a number of 10000 digits": b'{"skin_model": ' + b"9" * 10_000 + b"}",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"skin_model"',
    "a pickle": pickle.dumps({"a": 1}),
    "NUL": b"\0" * 100,
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_no_config_is_refused(saved, name):
    (saved / "config.json").write_bytes(CONFIGS[name])
    refusal(saved)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_of_ten_terabytes_is_refused_unread(saved, name):
    with (saved / name).open("wb") as file:
        file.truncate(10**13)  # sparse: takes no space
    assert "is larger than" in refusal(saved)


class Runs:
    """What a pickle does when it is opened."""

    def __reduce__(self):
        return (open, ("/tmp/skin-model-pickle-was-opened", "w"))


WEIGHTS = {
    "a pickle": pickle.dumps(Runs()),
    "a header of 16 exabytes": struct.pack("<Q", 2**64 - 1) + b"{}",
    "a header of 100 megabytes": struct.pack("<Q", 99_999_999) + b" " * 1_000,
    "a header that is no JSON": struct.pack("<Q", 8) + b"{{{{{{{{",
    "nested": struct.pack("<Q", 100_000) + b'{"a":' * 20_000,
    "a tensor outside the file": struct.pack("<Q", 60)
    + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'.ljust(60),
    "a tensor of 2 to the 64": struct.pack("<Q", 90)
    + b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}'.ljust(90)
    + bytes(4),
    "empty": b"",
    "one byte": b"\0",
    "html": b"<!doctype html>",
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_no_safetensors_are_refused_unopened(saved, name, tmp_path):
    from pathlib import Path

    (saved / "model.safetensors").write_bytes(WEIGHTS[name])
    accept_weights(saved)
    assert "not a whole safetensors file" in refusal(saved)
    assert not Path("/tmp/skin-model-pickle-was-opened").exists()


def test_weights_that_make_every_answer_infinite_are_refused(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["bn1.running_var"] = torch.full_like(tensors["bn1.running_var"], -1)  # its root is not a number
    save_file(tensors, saved / "model.safetensors")
    accept_weights(saved)
    assert "no finite number" in refusal(saved)


def test_weights_of_another_kind_of_number_are_refused(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["classifier.bias"] = torch.full((7,), float("inf"), dtype=torch.float64)
    save_file(tensors, saved / "model.safetensors")
    accept_weights(saved)
    assert "not finite" in refusal(saved)


@pytest.fixture
def gate():
    return {name: tensor.clone() for name, tensor in load_file(EMBEDDED / "gate.safetensors").items()}


GATES = {
    "no mean": lambda gate: gate.pop("mean"),
    "a mean that is one number": lambda gate: gate.update(mean=torch.tensor(1.0)),
    "a first that is infinite": lambda gate: gate.update(first=torch.tensor(float("inf"))),
    "a first that is negative": lambda gate: gate.update(first=torch.tensor(-5.0)),
    "a first that is many": lambda gate: gate.update(first=torch.zeros(5)),
    "a scale of nothing": lambda gate: gate["scale"].zero_(),
    "a variance below nothing": lambda gate: gate["variance"].neg_(),
    "a residual of nothing": lambda gate: gate["residual"].zero_(),
    "weights that are not numbers": lambda gate: gate["weights"].fill_(float("nan")),
    "a flat basis": lambda gate: gate.update(basis=gate["basis"].flatten()),
    "features of another network": lambda gate: gate.update(
        {name: gate[name][:-2].clone() for name in ("mean", "scale", "weights")}, basis=gate["basis"][:-2].clone()
    ),
}


@pytest.mark.parametrize("name", GATES)
def test_a_gate_that_could_let_everything_through_is_refused(saved, gate, name):
    GATES[name](gate)
    (saved / "gate.safetensors").write_bytes(save(gate))
    assert "gate.safetensors" in refusal(saved)


def test_the_gate_itself_is_taken_from_a_folder_that_does_not_name_its_checksum(saved, gate):
    """Else the refusals above would prove nothing."""
    (saved / "gate.safetensors").write_bytes(save(gate))
    assert isinstance(Checkpoint.load(saved).gate, out_of_distribution.OutOfDistributionGate)


METRICS = [b"[" * 200_000, b"[]", b'{"checkpoint": {"hash": 5}}', b'{"checkpoint": []}', b"\xff", b"9" * 10_000]


@pytest.mark.parametrize("content", METRICS, ids=range(len(METRICS)))
def test_metrics_that_cannot_be_read_are_none(saved, content):
    (saved / "metrics.json").write_bytes(content)
    assert Checkpoint.load(saved).metrics is None


MEASURED = {
    "nothing else": lambda _: {},
    "a number of photographs in words": lambda real: {**real, "data": {"n": "many", "split_sha256": ""}},
    "lists": lambda real: {name: [] for name in real},
    "texts": lambda real: dict.fromkeys(real, "x"),
    "a sensitivity of seven": lambda real: {**real, "operating": {"all": {"low": _point(7), "high": _point(0.5)}}},
    "one operating point": lambda real: {**real, "operating": {"all": {"low": _point(0.5)}}},
    "no number": lambda real: {**real, "operating": {"all": {"low": _point(None), "high": _point(0.5)}}},
}


def _point(sensitivity):
    return {"sensitivity": {"value": sensitivity}, "specificity": {"value": 0.5}}


@pytest.mark.parametrize("name", MEASURED)
def test_metrics_of_these_weights_that_no_evaluation_wrote_are_none(saved, name):
    real = json.loads((EMBEDDED / "metrics.json").read_text()) | {"checkpoint": {"hash": Checkpoint.load(saved).hash}}
    (saved / "metrics.json").write_text(json.dumps(real))
    assert Checkpoint.load(saved).metrics is not None  # else the change below would prove nothing
    changed = MEASURED[name](real) | {"checkpoint": real["checkpoint"]}
    (saved / "metrics.json").write_text(json.dumps(changed))
    assert Checkpoint.load(saved).metrics is None


# The file of the on-device page


def _entry(key: bytes, value: bytes) -> bytes:
    def sized(tag, content):
        length, count = b"", len(content)
        while True:
            length += bytes([count & 127 | (128 if count > 127 else 0)])
            count >>= 7
            if not count:
                return bytes([tag]) + length + content

    return sized(0x72, sized(0x0A, key) + sized(0x12, value))


NEEDED = ("labels", "malignant", "preprocessing", "calibration", "thresholds", "checkpoint_sha256")
EXPORTS = {
    "a number without end": b"\x70" + b"\xff" * 5_000_000,
    "a length without end": b"\x72" + b"\xff" * 5_000_000,
    "a length of 4 gigabytes": b"\x72\xff\xff\xff\xff\x0f" + b"x" * 100,
    "a group": b"\x73" * 1_000,
    "a name that is no text": _entry(b"\xff\xfe", b"x"),
    "no JSON": b"".join(_entry(name.encode(), b"{{") for name in NEEDED),
    "nested JSON": b"".join(_entry(name.encode(), b"[" * 200_000) for name in NEEDED),
    "a long number": b"".join(_entry(name.encode(), b"9" * 10_000) for name in NEEDED),
    "an entry without a value": b"\x72\x03\x0a\x01a",
    "a pickle": pickle.dumps({"a": 1}),
    "empty": b"",
}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_file_that_is_no_export_is_refused_with_the_command_that_makes_one(name):
    with pytest.raises(NotAnExport, match=r"python -m train export") as caught:
        metadata(EXPORTS[name])
    assert "\n" not in str(caught.value)


def test_the_record_of_training_that_cannot_be_read_is_refused(tmp_path):
    from train import UserError
    from train.data import provenance

    for content in (b"[" * 200_000, b"9" * 10_000, b"\xff"):
        (tmp_path / "trained_on.json").write_bytes(content)
        with pytest.raises(UserError, match="is no JSON"):
            provenance.read_beside(tmp_path, "trained_on.json")


def test_a_good_config_is_json_that_can_be_read_again(saved):
    assert json.loads((saved / "config.json").read_text())["skin_model"]["diagnoses"] == list(DIAGNOSES)
