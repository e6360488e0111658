"""How every command of this project ends: what a user can mend is one sentence on stderr, never a traceback; Ctrl-C and
a reader who has seen enough (``… | head``) end it without a word.

Needs nothing but Python, so that it can say that a package is missing.
"""

import io
import os
import shlex
import signal
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

REPOSITORY = Path(__file__).resolve().parents[1]
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
NOBODY_READS = 141
"""Exit status where nobody reads stdout any more, as shells have it of any other program in a pipe."""

_UNPRINTABLE = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Unicode categories: control characters, bytes that are no UTF-8, ends of lines and paragraphs."""
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that make a terminal or a page show what follows in another order."""


@contextmanager
def command(requirements: str, *mendable: type[Exception], status: int = 2) -> Iterator[None]:
    """To be put around all that a command does, imports of other packages included.

    requirements: the file in this repository that brings those packages. mendable: exceptions whose text is a sentence
    for the user. status: the exit status where the command cannot be carried out.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as ``begin`` left it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Letters that the terminal's encoding lacks come as numbers, and do not end the run.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except SystemExit as ended:
        # typer ends with status 1 where nobody reads.
        if isinstance(ended.__context__, BrokenPipeError) or not _everything_is_read():
            _end_unread()
        raise
    except BrokenPipeError:
        _end_unread()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except ModuleNotFoundError as problem:
        package = (problem.name or "").partition(".")[0]
        if not package or (REPOSITORY / package).exists() or (REPOSITORY / f"{package}.py").exists():
            raise
        _end_without(package, requirements, status)
    except mendable as problem:
        _end(str(problem), status)
    except OSError as problem:
        # A folder that is a file, a disk that is full, a right that is missing: the system's own word says which.
        where = f"{problem.filename}: " if problem.filename else ""
        _end(f"{where}{problem.strerror or problem}. Choose another place, or mend this one.", status)


def begin(*packages: str, requirements: str, status: int = 2) -> None:
    """To be called by a command that is one module, before its imports: as ``require``; and Ctrl-C ends it without a
    word while they last, which may be seconds.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    require(*packages, requirements=requirements, status=status)


def require(*packages: str, requirements: str, status: int = 2) -> None:
    """End as ``command`` does where one of these packages is missing."""
    for package in packages:
        try:
            found = find_spec(package)
        except ModuleNotFoundError:
            found = None
        if found is None:
            _end_without(package, requirements, status)


def printable(name: str) -> str:
    """A file's name on one line and without what a terminal or a page would obey; U+FFFD stands for each of it."""
    return "".join("\ufffd" if c in _TURNING or unicodedata.category(c) in _UNPRINTABLE else c for c in name)


def installing(file: str) -> str:
    """The command that installs a requirements file beside this very Python."""
    return _shown([str(_near(Path(sys.executable))), str(_near(REPOSITORY / "install_requirements.py")), file])


def installing_package(package: str) -> str:
    """The command that installs one package beside this very Python."""
    return _shown([str(_near(Path(sys.executable))), "-m", "pip", "install", package])


def _near(path: Path) -> Path:
    """As one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _shown(words: list[str]) -> str:
    if os.name != "nt":
        return shlex.join(words)
    return " ".join(f'"{word}"' if set(word) & set(" []") else word for word in words)


def _end_without(package: str, requirements: str, status: int) -> NoReturn:
    file = str(_near(REPOSITORY / requirements))
    own = REPOSITORY / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    other = own.is_file() and Path(sys.prefix).resolve() != own.parents[1].resolve()
    mend = f"Use {_near(own)}, or install it with" if other else "Install it with"
    _end(f"The package {package} is missing, which {file} brings. {mend}: {installing(file)}", status)


def _end(sentence: str, status: int) -> NoReturn:
    with suppress(OSError):
        print(f"Error: {sentence}", file=sys.stderr, flush=True)
    raise SystemExit(status) from None


def _everything_is_read() -> bool:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True


def _end_unread() -> NoReturn:
    # What is still to be written goes nowhere; Python would complain of it as it ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    raise SystemExit(NOBODY_READS) from None
