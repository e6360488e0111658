"""How commands end: with a sentence where something is missing or wrong, and without a word where nobody reads on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from skin_model.command_line import INTERRUPTED, NOBODY_READS
from tests.conftest import REPOSITORY

NO_PACKAGES = ("-S",)
"""Python without what is installed beside it."""
COMMANDS = [
    ("app.py", "requirements.txt", 1),
    ("-m skin_model examples", "requirements.txt", 1),
    ("-m on_device.build --out site", "requirements.txt", 1),
    ("-m examples.render", "requirements.txt", 1),
    ("-m train fit", "requirements-train.txt", 2),
    ("-m benchmarks photo", "requirements-dev.txt", 2),
]


def run(command: str, *options: str, cwd: Path = REPOSITORY, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SKIN_", "GRADIO_"))}
    return subprocess.run(
        [sys.executable, *options, *command.split()],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def only_sentence(ended: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on stderr; nothing is on stdout."""
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def link_packages(folder: Path, requirements: str, without: tuple[str, ...] = (), beside: tuple[str, ...] = ()) -> Path:
    """A folder with what a requirements file and the packages ``beside`` it bring, their own requirements included, and
    nothing else.
    """
    folder.mkdir()
    waiting = [*re.findall(r"^([\w.-]+)==", (REPOSITORY / requirements).read_text(), re.MULTILINE), *beside]
    seen = set(without)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or [] if not file.parts[0].startswith(("..", "__pycache__"))}:
            if not (folder / top).exists():
                (folder / top).symlink_to(found.locate_file(top))
        needs = [Requirement(line) for line in found.requires or []]
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return folder


@pytest.fixture(scope="module")
def app_alone(tmp_path_factory) -> str:
    """Where ``make app`` alone has installed."""
    return str(link_packages(tmp_path_factory.mktemp("app") / "packages", "requirements.txt"))


@pytest.fixture(scope="module")
def app_without_torch(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("torch") / "packages"
    return str(link_packages(folder, "requirements.txt", without=("torch", "torchvision")))


@pytest.mark.parametrize(("command", "requirements", "status"), COMMANDS)
def test_without_its_packages_a_command_names_the_file_that_brings_them_and_how(command, requirements, status):
    ended = run(command, *NO_PACKAGES)
    assert ended.returncode == status
    assert f"which {requirements} brings" in only_sentence(ended)
    assert ended.stderr.endswith(f"python install_requirements.py {requirements}\n")


@pytest.mark.parametrize(
    ("command", "requirements"),
    [
        ("-m train prepare --data examples --out work", "requirements-train.txt"),
        ("-m train push dataset owner/name", "requirements-train.txt"),
        ("-m benchmarks photo", "requirements-dev.txt"),
    ],
)
def test_where_only_the_app_is_installed_training_says_what_else_it_needs(app_alone, command, requirements):
    ended = run(command, *NO_PACKAGES, PYTHONPATH=app_alone)
    assert ended.returncode == 2
    assert re.search(rf"The package \w+ is missing, which {requirements} brings", only_sentence(ended))


def test_where_only_the_app_is_installed_training_still_explains_itself(app_alone):
    ended = run("-m train --help", *NO_PACKAGES, PYTHONPATH=app_alone)
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert all(name in ended.stdout for name in ("prepare", "fit", "evaluate", "export", "push"))


def test_a_report_needs_nothing_but_what_draws_it(tmp_path):
    packages = link_packages(tmp_path / "packages", "requirements.txt", beside=("jinja2", "matplotlib", "scipy"))
    command = f"-m train report --metrics skin_model/weights/metrics.json --out {tmp_path / 'report'}"
    ended = run(command, *NO_PACKAGES, PYTHONPATH=str(packages))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "report/report.html").is_file()


def test_where_only_the_app_is_installed_a_command_that_there_is_not_is_called_so(app_alone):
    ended = run("-m train recipes", *NO_PACKAGES, PYTHONPATH=app_alone)
    assert ended.returncode == 2
    assert "No such command 'recipes'" in ended.stderr


def test_where_only_the_app_is_installed_nothing_is_missing_for_the_page_on_ones_own_device(app_alone, tmp_path):
    ended = run(
        f"-m on_device.build --out {tmp_path / 'site'} --model nowhere.onnx", *NO_PACKAGES, PYTHONPATH=app_alone
    )
    assert only_sentence(ended).startswith("Error: There is no model nowhere.onnx.")


def test_a_command_started_from_another_folder_names_files_that_are_there(tmp_path):
    ended = run("-m train fit", *NO_PACKAGES, cwd=tmp_path, PYTHONPATH=str(REPOSITORY))
    _, script, file = only_sentence(ended).rpartition(": ")[2].split()
    assert Path(script).is_file() and Path(file).is_file()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SKIN_CONCURRENCY", "abc", "a whole number from 1 to 64"),
        ("SKIN_LANGUAGE", "xx", "only these languages"),
        ("SKIN_MCP", "1", "the package mcp is missing"),
        ("SKIN_CHECKPOINT", "nowhere", "There is no folder nowhere"),
        ("SKIN_CHECKPOINT", "examples", "has no config.json"),
        ("SKIN_CHECKPOINT", "app.py", "app.py is a file"),
        ("GRADIO_SERVER_PORT", "abc", "a whole number from 1 to 65535"),
        ("GRADIO_SERVER_NAME", "192.0.2.1", "is no address of this computer"),
        ("TMPDIR", "/nowhere", "name another one in TMPDIR"),
    ],
)
def test_a_wrong_setting_is_told_before_any_package_is_imported(name, value, says):
    ended = run("app.py", *NO_PACKAGES, **{name: value})
    assert ended.returncode == 1
    assert says in only_sentence(ended)


def test_a_port_that_is_in_use_is_told_before_any_package_is_imported():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run("app.py", *NO_PACKAGES, GRADIO_SERVER_PORT=str(port))
    assert ended.returncode == 1
    assert only_sentence(ended).startswith(f"Error: Port {port} is in use.")


def test_a_checkpoint_that_is_none_is_told_before_torch_is_imported(app_without_torch):
    ended = run("-m skin_model examples --checkpoint nowhere", *NO_PACKAGES, PYTHONPATH=app_without_torch)
    assert ended.returncode == 1
    assert "There is no folder nowhere" in only_sentence(ended)


def write_command(folder: Path, *lines: str) -> str:
    """A command around some lines, as this project's are."""
    body = "".join(f"    {line}\n" for line in lines)
    (folder / "script.py").write_text(
        "import os, signal, sys, time\nfrom skin_model.command_line import command\n"
        f"with command('requirements.txt', LookupError, status=3):\n{body}"
    )
    return str(folder / "script.py")


def run_unread(command: str) -> tuple[int, str]:
    """Exit status and stderr of a command whose stdout nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    started = [sys.executable, *command.split()]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    try:
        ended = subprocess.run(
            started, cwd=REPOSITORY, env=environment, stdout=writer, stderr=subprocess.PIPE, timeout=300, check=False
        )
    finally:
        os.close(writer)
    return ended.returncode, ended.stderr.decode()


@pytest.mark.parametrize(
    "lines",
    [
        ["print('one')"],
        ["print('one', flush=True)"],
        ["print('one')", "sys.exit(1)"],
        ["for n in range(100_000): print(n)"],
    ],
)
def test_a_command_whose_answer_nobody_reads_ends_quietly(tmp_path, lines):
    assert run_unread(write_command(tmp_path, *lines)) == (NOBODY_READS, "")


@pytest.mark.parametrize("command", ["-m train --help", "-m train audit --help", "-m on_device.build --help"])
def test_a_command_line_of_typer_ends_quietly_where_nobody_reads(command):
    assert run_unread(command) == (NOBODY_READS, "")


@pytest.fixture
def many_photos(tmp_path) -> Path:
    """A folder with a photo under so many names that scoring them takes longer than any test waits."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(REPOSITORY / "examples" / "tone-1.jpg", folder / "0.jpg")
    for number in range(1, 5_000):
        os.link(folder / "0.jpg", folder / f"{number}.jpg")
    return folder


def scoring(folder: Path) -> subprocess.Popen[str]:
    """The command line that has just scored its first photo and goes on to the next."""
    command = [sys.executable, "-m", "skin_model", str(folder), "--json"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("{")
    return process


def test_scoring_ends_quietly_where_only_the_first_lines_are_read(many_photos):
    process = scoring(many_photos)
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (NOBODY_READS, "")


def test_scoring_ends_quietly_on_ctrl_c(many_photos):
    process = scoring(many_photos)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (INTERRUPTED, "")


def test_ctrl_c_ends_a_command_quietly(tmp_path):
    ended = run(write_command(tmp_path, "os.kill(os.getpid(), signal.SIGINT)", "time.sleep(60)"), PYTHONPATH=".")
    assert (ended.returncode, ended.stdout, ended.stderr) == (INTERRUPTED, "", "")


def test_ctrl_c_ends_a_command_quietly_while_its_packages_are_imported(tmp_path):
    script = tmp_path / "script.py"
    begin = "from skin_model.command_line import begin\nbegin('typer', requirements='requirements.txt')\n"
    script.write_text(begin + "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)")
    ended = run(str(script), PYTHONPATH=".")
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("raise LookupError('Nothing is there. Look elsewhere.')", "Nothing is there. Look elsewhere."),
        ("open('/nowhere/file')", "/nowhere/file: No such file or directory"),
        ("import no_such_package", "The package no_such_package is missing"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence_and_the_commands_own_status(tmp_path, line, says):
    ended = run(write_command(tmp_path, line), PYTHONPATH=".")
    assert ended.returncode == 3
    assert says in only_sentence(ended)


@pytest.mark.parametrize("line", ["1 / 0", "import skin_model.no_such_module"])
def test_a_fault_of_our_own_keeps_its_traceback(tmp_path, line):
    ended = run(write_command(tmp_path, line), PYTHONPATH=".")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
