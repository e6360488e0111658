"""Builds the page into a folder for any static host: ``python -m on_device.build --out DIR``."""

import functools
import gzip
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

from skin_model.command_line import begin, command

if __name__ == "__main__":
    begin("cv2", "numpy", "onnxruntime", "PIL", "typer", requirements="requirements.txt", status=1)

import typer

from on_device import icons, runtime, sentences
from on_device.known_answers import known_answers
from on_device.model_file import NotAnExport, entries, metadata
from skin_model import __version__, border, overlay, wording
from skin_model.comparison import embedded_limits
from skin_model.lesion import weights_file
from skin_model.licence_note import told_apart
from skin_model.network.checkpoint import Checkpoint, CheckpointError
from skin_model.photo import colours, opening

HERE = Path(__file__).parent
MODEL = HERE.parent / "skin_model" / "weights" / "model.fp16.onnx"
"""The embedded checkpoint as ``python -m train export`` writes it in fp16, so that a build needs no training tools."""
STYLE_SHEET = HERE.parent / "interface" / "components" / "style.css"
RELEASE = "release.json"
LOCATOR = HERE.parent / "skin_model" / "weights" / "locator.onnx"
OUTLINE = HERE.parent / "skin_model" / "weights" / "outline.onnx"
VENDORED = {"idb/index.js": "b6720d6ed812254ba61009ea6b3de8bbf46a4fb5c2d5b65385c7525d18f4c80b"}
"""sha256 of scripts that other people wrote and that lie in the repository: idb 8.0.3 (ISC licence), as npm has it."""
EXPORT = "python -m train export --out DIR"
_PACKED = (".js", ".mjs", ".css", ".json", ".html")
_DIARY = ("diary/", "diary.json", "idb/", "lesion/", "outline.onnx.gz", "words/diary/")
"""What only "My spots" needs: loaded, and kept for use without a network, once a visitor opens it."""


class CannotBuild(RuntimeError):
    """Why no page can be built; the text says how to mend it."""


def build(out: Path, model: Path = MODEL, cache: Path | None = None) -> dict[str, Any]:
    """Write the page to ``out``, over an older build where there is one, and return its manifest (``release.json``).

    model: an ONNX file with metadata. cache: see ``runtime.files``. The scripts, the network and the sentences lie in
    one folder named after their content, so that a page can never be served with another release's network. Raises
    CannotBuild, NotAnExport, CheckpointError or runtime.RuntimeUnavailable.
    """
    out = out.resolve()
    _refuse_to_overwrite(out)
    if not model.is_file():
        raise CannotBuild(f"There is no model {model}. Make one with: {EXPORT}")
    if model.resolve() == MODEL.resolve():
        Checkpoint.load()  # a damaged file of it is told, and not put into visitors' browsers
    contents, downloads = _contents(model.read_bytes(), runtime.files(cache))
    beside = {"app.webmanifest": _web_manifest(), "icons/icon.svg": icons.SVG.encode()}
    beside |= {f"icons/icon-{side}.png": icons.png(side) for side in (192, 512)}
    beside["icons/icon-maskable-512.png"] = icons.png(512, maskable=True)
    index, worker = ((HERE / "page" / name).read_text(encoding="utf-8") for name in ("index.html", "service-worker.js"))
    # Whatever changes makes another release: visitors who come back keep all of a release under its name.
    named = contents | beside | {"index.html": index.encode(), "service-worker.js": worker.encode()}
    version = _sha256("".join(f"{name} {_sha256(named[name])}\n" for name in sorted(named)).encode())[:12]
    folder = f"v-{version}"
    contents["release.json"] = _json({"version": version, "downloads": downloads})
    files = {f"{folder}/{name}": content for name, content in contents.items()} | beside
    files["index.html"] = index.replace("{{folder}}", folder).encode()
    listed = {path: _facts(content) for path, content in sorted(files.items())}
    later = {
        path: facts for path, facts in listed.items() if path.startswith(tuple(f"{folder}/{name}" for name in _DIARY))
    }
    kept = {("./" if path == "index.html" else path): facts for path, facts in listed.items() if path not in later}
    worker = worker.replace("{{version}}", version).replace("{{files}}", json.dumps(kept))
    files["service-worker.js"] = worker.replace("{{later}}", json.dumps(later)).encode()
    listed["service-worker.js"] = _facts(files["service-worker.js"])
    first_visit = {path: content for path, content in files.items() if path not in later}
    manifest = {
        "version": version,
        "app": __version__,
        "files": listed,
        "first_visit_bytes": _over_the_wire(first_visit),
    }
    files[RELEASE] = _json(manifest)
    _write(files, out)
    return manifest


def _refuse_to_overwrite(out: Path) -> None:
    """Raises CannotBuild where ``out`` holds anything that an older build did not write."""
    if not out.exists():
        return
    if not out.is_dir():
        raise CannotBuild(f"{out} is a file. Name an empty or a new folder.")
    there = {file.relative_to(out).as_posix() for file in out.rglob("*") if not file.is_dir()}
    try:
        release = json.loads((out / RELEASE).read_text(encoding="utf-8"))
        written = {RELEASE, *release["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        written = set()
    foreign = sorted(there - written - {f"{path}.gz" for path in written})
    if foreign:
        named = ", ".join(foreign[:3]) + ", …" * (len(foreign) > 3)
        raise CannotBuild(f"{out} holds what no older build wrote ({named}). Name an empty or a new folder.")


def _contents(model: bytes, onnxruntime: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The versioned folder's files by name, and what the page must know of the large ones."""
    described = metadata(model)
    if described["preprocessing"].get("remove_hair"):
        raise CannotBuild("This network wants hairs removed first, which the page cannot do. Choose one that does not.")
    contents = {
        file.relative_to(HERE / "page").as_posix(): file.read_bytes()
        for file in sorted((HERE / "page").rglob("*"))
        if (file.suffix in (".js", ".css") or file.name == "LICENSE") and file.name != "service-worker.js"
    }
    for name, checksum in VENDORED.items():
        if _sha256(contents[name]) != checksum:
            raise CannotBuild(
                f"on_device/page/{name} is not what was pinned. Restore it with: git checkout on_device/page"
            )
    contents["style.css"] = STYLE_SHEET.read_bytes()
    contents["code_points.js"] = _code_points()
    locator, outline = weights_file.content(LOCATOR), weights_file.content(OUTLINE)
    known = {"known": known_answers(model, locator)}
    contents["config.json"] = _json(_config(described) | known)
    for language in wording.languages():
        file = Path(wording.__file__).parent / f"{language}.json"
        spoken = json.loads(file.read_text(encoding="utf-8"))
        contents[f"words/{language}.json"] = _json(sentences.used(spoken))
        contents[f"words/diary/{language}.json"] = _json(sentences.used_by_the_diary(spoken))
    for name in runtime.SCRIPTS:
        contents[f"onnxruntime/{name}"] = onnxruntime[name]
    contents["diary.json"] = _json({"limits": embedded_limits().record})
    downloads = {}
    for name, file, content in (
        ("model", "model.onnx.gz", model),
        ("locator", "locator.onnx.gz", locator),
        ("wasm", f"onnxruntime/{runtime.BINARY}.gz", onnxruntime[runtime.BINARY]),
        ("outline", "outline.onnx.gz", outline),
    ):
        contents[file] = packed = _gzip(content)
        downloads[name] = {"file": file, **_facts(content), "packed": len(packed)}
    return contents, downloads


def _config(described: dict[str, Any]) -> dict[str, Any]:
    """What the page needs of the network's own description, and of the Python modules that it copies."""
    own = ("labels", "malignant", "preprocessing", "calibration", "thresholds", "checkpoint_sha256", "licence")
    told = told_apart(described.get("licence", ""))
    return {
        **{name: described[name] for name in own if name in described},
        "licence_sentence": None if told is None else {"key": told[0], "values": told[1]},
        "gate_threshold": described.get("gate_threshold"),
        "context": described.get("context"),
        "views": described.get("views", 1),
        "diagnosis_calibration": described.get("diagnosis_calibration"),
        "least_skin": float(entries(LOCATOR.read_bytes())["least_skin"]),
        "version": __version__,
        "languages": {code: wording.Words(code).name for code in wording.languages()},
        "overlay": {
            "full": overlay.FULL,
            "noticeable": overlay.NOTICEABLE,
            "palest": overlay.PALEST,
            "strongest": overlay.STRONGEST,
            "raised": overlay.RAISED,
            "lowered": overlay.LOWERED,
        },
        "border_triples": border._triples().tolist(),
        "photo": {
            "max_bytes": opening.MAX_BYTES,
            "max_pixels": opening.MAX_PIXELS,
            "max_scans": opening.MAX_SCANS,
            "max_coefficients": opening.MAX_COEFFICIENTS,
            "min_short_side": opening.MIN_SHORT_SIDE,
            "min_region_side": opening.MIN_REGION_SIDE,
            "max_aspect": opening.MAX_ASPECT,
            "working_short_side": opening.WORKING_SHORT_SIDE,
        },
    }


def _code_points() -> bytes:
    lines = ["// Colours by the code points of ITU-T H.273: to linear light by level, and to sRGB's light."]
    lines += [f"export const {name} = {_json(table).decode()};\n" for name, table in colours.tables().items()]
    return "\n".join(lines).encode()


def _web_manifest() -> bytes:
    words = wording.Words()
    return _json(
        {
            "name": words("interface.title"),
            "short_name": words("interface.title"),
            "description": words("device.promise"),
            "start_url": "./",
            "scope": "./",
            "display": "standalone",
            "background_color": "#f8fafc",
            "theme_color": icons.TEAL,
            "icons": [
                {"src": "icons/icon-192.png", "sizes": "192x192", "type": "image/png"},
                {"src": "icons/icon-512.png", "sizes": "512x512", "type": "image/png"},
                {"src": "icons/icon-maskable-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
                {"src": "icons/icon.svg", "sizes": "any", "type": "image/svg+xml"},
            ],
        }
    )


def _over_the_wire(files: dict[str, bytes]) -> int:
    """Bytes that a first visit moves where the server compresses text, as nearly all do."""
    return sum(
        len(_gzip(content)) if Path(path).suffix in (*_PACKED, ".svg", ".webmanifest") else len(content)
        for path, content in files.items()
    )


def _write(files: dict[str, bytes], out: Path) -> None:
    """All files, text also packed for servers that can send that, aside first and then in one move."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as aside:
            built = Path(aside) / "site"
            for path, content in files.items():
                file = built / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                if file.suffix in _PACKED:
                    file.with_name(f"{file.name}.gz").write_bytes(_gzip(content))
            if out.exists():
                out.replace(Path(aside) / "older")
            built.replace(out)
    except OSError as problem:
        raise CannotBuild(f"{out} cannot be written ({problem.strerror}). Name another folder.") from None


@functools.cache  # a text is packed to be counted and again to be written
def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _facts(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": _sha256(content)}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def main(
    out: Annotated[Path, typer.Option(help="Folder to write: new, empty, or an older build.")],
    model: Annotated[Path, typer.Option(help=f"ONNX file written by: {EXPORT}")] = MODEL,
) -> None:
    """Build the page that scores photos in the visitor's own browser."""
    try:
        manifest = build(out, model)
    except (CannotBuild, NotAnExport, CheckpointError, runtime.RuntimeUnavailable) as problem:
        sys.exit(f"Error: {problem}")
    megabytes = manifest["first_visit_bytes"] / 1e6
    print(f"Built release {manifest['version']} in {out}: {megabytes:.1f} MB on a first visit.")
    print(f"Look at it with: python -m http.server --directory {out}")


if __name__ == "__main__":
    with command("requirements.txt", status=1):
        typer.run(main)
