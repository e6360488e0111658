"""Flower itself: the command's simulation, and a SuperLink with three SuperNodes that speak TLS on loopback."""

from __future__ import annotations

import datetime
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import save_file

pytest.importorskip("flwr", reason="needs Flower: make cluster")
pytest.importorskip("ray", reason="needs Ray: make cluster")

import contextlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from skin_model.command_line import INTERRUPTED
from skin_model.network.checkpoint import Checkpoint
from tests.conftest import REPOSITORY
from tests.train.federated.rendered_sites import CLINICS, write_clinics
from train.federated.settings import Settings
from train.federated.simulation import divide
from train.fitting.networks.stages import head_prefix
from train.fitting.recipes import find
from train.fitting.run import network_of

APP = REPOSITORY / "train/federated/flower_app"
PROGRAMS = Path(sys.executable).parent
ENOUGH = 3600
"""Seconds for a machine that does much else."""


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return write_clinics(tmp_path_factory.mktemp("clinics"), training=16, validation=16)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    """Random weights in the place of ImageNet's."""
    network = network_of(find(Settings().recipe))
    head = head_prefix(network)
    state = {name: t.contiguous() for name, t in network.state_dict().items() if not name.startswith(head)}
    file = tmp_path_factory.mktemp("backbone") / "random.safetensors"
    save_file(state, file)
    return file


def test_the_command_trains_one_network_across_sources_and_goes_on_after_ctrl_c(work, backbone, tmp_path):
    command = [sys.executable, "-m", "train", "federate", "--work", work, "--out", tmp_path / "run", "--rounds", "2"]
    command += ["--backbone", backbone, "--input-size", "64", "--workers", "1"]
    command = list(map(str, command))
    with (tmp_path / "said").open("w") as said_to:  # no pipe: Ray's own processes hold it open a while longer
        started = subprocess.Popen(command, cwd=REPOSITORY, stderr=said_to, start_new_session=True)
    wait_for(lambda: (tmp_path / "run/federation.safetensors").is_file(), [started])
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does
    started.wait(timeout=ENOUGH)
    said = (tmp_path / "said").read_text()
    assert started.returncode == INTERRUPTED, said
    assert "Traceback" not in said
    for again in ("Going on after round 1 of 2.", ""):
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert again in done.stderr
        assert "Next: python -m train evaluate" in done.stdout
    told = pd.read_csv(tmp_path / "run/history.csv")
    assert list(told["sites"]) == [3, 3]
    assert Checkpoint.load(tmp_path / "run/checkpoint").config.training["federation"]["sites"] == sorted(CLINICS)


def write_certificates(folder: Path) -> None:
    """An authority, and a server's certificate for loopback that it signed: ca.crt, server.crt, server.key."""
    now = datetime.datetime.now(datetime.UTC)

    def signed(name: str, key: ec.EllipticCurvePrivateKey, by: str, with_key: ec.EllipticCurvePrivateKey, ca: bool):
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(with_key.public_key()), critical=False)
        )
        if not ca:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        else:
            usage = dict.fromkeys(
                ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                 "encipher_only", "decipher_only"), False
            )  # fmt: skip
            made = made.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        return made.sign(with_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.crt").write_bytes(signed("test authority", authority, "test authority", authority, ca=True))
    (folder / "server.crt").write_bytes(signed("localhost", server, "test authority", authority, ca=False))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "server.key").write_bytes(server.private_bytes(serialization.Encoding.PEM, *plain))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(what: Callable[[], bool], processes: list[subprocess.Popen]) -> None:
    until = time.monotonic() + ENOUGH
    while not what():
        assert time.monotonic() < until, "It took too long."
        assert all(process.poll() is None for process in processes) or what(), "A process ended."
        time.sleep(0.2)


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts one of Flower's programs in a group of its own; all of them end with the test. Logs are in tmp_path."""
    started: list[subprocess.Popen] = []
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    environment |= {"FLWR_HOME": str(tmp_path / "flwr"), "FLWR_TELEMETRY_ENABLED": "0"}
    environment |= {"FLWR_DISABLE_UPDATE_CHECK": "1", "OMP_NUM_THREADS": "1"}

    def starting(name: str, *words: object) -> subprocess.Popen:
        with (tmp_path / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [str(PROGRAMS / str(words[0])), *map(str, words[1:])],
                env=environment, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return process

    yield starting
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_superlink_and_supernodes_train_over_tls_while_one_leaves_and_comes_back(work, backbone, start, tmp_path):
    write_certificates(tmp_path)
    port = free_port()
    tls = ["--ssl-ca-certfile", "ca.crt", "--ssl-certfile", "server.crt", "--ssl-keyfile", "server.key"]
    link = start("superlink", "flower-superlink", *tls, "--port", port, "--disable-runtime-dependency-installation")
    (tmp_path / "flwr").mkdir(exist_ok=True)
    (tmp_path / "flwr/config.toml").write_text(
        f'[superlink]\ndefault = "test"\n\n[superlink.test]\naddress = "127.0.0.1:{port}"\n'
        f'root-certificates = "{tmp_path / "ca.crt"}"\n'
    )

    def join(site: dict[str, str]) -> subprocess.Popen:
        told = f'work="{site["work"]}" name="{site["name"]}"'
        reached = ["--superlink", f"127.0.0.1:{port}", "--root-certificates", "ca.crt"]
        return start(site["name"], "flower-supernode", *reached, "--port", free_port(), "--node-config", told)

    sites = divide(work, tmp_path / "sites", "source")
    nodes = [join(site) for site in sites]
    out, history = tmp_path / "run", tmp_path / "run/history.csv"
    config = f'out="{out}" backbone="{backbone}" rounds=7 input-size=64 patience=900.0'
    wait_for(lambda: listens(port), [link])
    run = start("run", "flwr", "run", APP, "test", "--run-config", config, "--stream")  # ends with the training

    def rounds() -> list[int]:
        return list(pd.read_csv(history)["sites"]) if history.is_file() else []

    wait_for(lambda: 3 in rounds(), [link, run, *nodes])
    nodes[2].send_signal(signal.SIGTERM)
    wait_for(lambda: 2 in rounds(), [link, run, *nodes[:2]])
    back = join(sites[2])
    wait_for(lambda: rounds() and (out / "checkpoint/config.json").is_file(), [link, run, *nodes[:2], back])
    told = rounds()
    assert len(told) == 7 and told[-1] == 3 and 2 in told
    record = Checkpoint.load(out / "checkpoint").config.training
    assert record["federation"]["sites"] == sorted(CLINICS)
    assert record["photographs"]["train"] == dict.fromkeys(sorted(CLINICS), 16)
    assert not (out / "checkpoint/trained_on.json").exists()  # ids of photographs stay at the sites


def listens(port: int) -> bool:
    """Whether somebody answers at a port."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
