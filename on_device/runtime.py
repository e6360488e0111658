"""onnxruntime-web from the npm registry: one pinned version, checked, kept in the user's cache."""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

VERSION = "1.30.0"
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""sha512 of the package as npm states it, base64."""
ADDRESS = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
SCRIPTS = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs")
BINARY = "ort-wasm-simd-threaded.wasm"


_IMPATIENT = ("--prefer-offline", "--fetch-retries=1", "--fetch-retry-maxtimeout=2000", "--fetch-timeout=30000")
"""npm alone tries for minutes where there is no network."""


class RuntimeUnavailable(RuntimeError):
    """The package cannot be fetched, or is not what was pinned; the text says how to mend it."""


def files(cache: Path | None = None) -> dict[str, bytes]:
    """The runtime's scripts and its WebAssembly binary by name, from the cache or else from the registry.

    cache: folder in which the package is kept (None: ``self-skin-check`` in the user's cache). Raises
    RuntimeUnavailable.
    """
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "self-skin-check"
    package = folder / f"onnxruntime-web-{VERSION}.tgz"
    if not (package.is_file() and _is_pinned(package)):
        print(f"Fetching onnxruntime-web {VERSION} from the npm registry …", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            fetched = _fetch(Path(aside))
            if not _is_pinned(fetched):
                raise RuntimeUnavailable(
                    f"onnxruntime-web {VERSION} arrived with another checksum than the pinned one. Try again; if it "
                    "stays so, do not use it."
                )
            fetched.replace(package)
    wanted = {f"package/dist/{name}": name for name in (*SCRIPTS, BINARY)}
    with tarfile.open(package, "r|gz") as archive:  # one pass: going back would unpack it anew for every file
        return {wanted[entry.name]: archive.extractfile(entry).read() for entry in archive if entry.name in wanted}


def _is_pinned(package: Path) -> bool:
    return base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode() == INTEGRITY


def _fetch(folder: Path) -> Path:
    """The package in ``folder``: by npm, which knows a company's own registry, or straight where there is no npm."""
    package = folder / f"onnxruntime-web-{VERSION}.tgz"
    npm = shutil.which("npm")
    if npm:
        command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--silent", "--ignore-scripts", *_IMPATIENT]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode == 0 and package.is_file():
            return package
    try:
        with urlopen(ADDRESS, timeout=30) as answer, package.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except (URLError, OSError) as problem:
        raise RuntimeUnavailable(
            f"onnxruntime-web {VERSION} could not be fetched from the npm registry ({problem}). Connect this computer "
            "to the internet for the first build; later builds use the copy that is kept."
        ) from problem
    return package
