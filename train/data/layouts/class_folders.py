"""Folders that are named by what their photographs show: benign and malignant, or diagnoses in any spelling."""

from collections.abc import Iterable
from pathlib import Path

from train.data.data_folder import DataFolder, given_split
from train.data.labels import NoLabel, Told, meaning, plain, settle
from train.data.labels.meaning import NOTHING
from train.data.labels.vocabulary import CANCER, COMPARED, DENIED, NOT
from train.data.layouts.layout import Layout


class ClassFolders:
    """What the folders above photographs say of them. pictures: paths of all photographs below the data folder."""

    def __init__(self, pictures: Iterable[Path]) -> None:
        named = {folder for path in pictures for folder in path.parents if meaning(folder.name).understood}
        below: dict[Path, set[int | None]] = {}
        for folder in named:
            for above in folder.parents:
                below.setdefault(above, set()).add(meaning(folder.name).malignant)
        self._classes = {folder for folder in named if not (_is_subject(folder) and below.get(folder, set()) >= {0, 1})}
        self._beside = {folder.parent for folder in self._classes}

    def __bool__(self) -> bool:
        """Whether any folder is named by a diagnosis."""
        return bool(self._classes)

    def contradict(self, path: Path, told: Iterable[Told]) -> bool:
        """Whether the folders have benign and malignant classes, and a photograph's is the opposite of what is told."""
        answers = {one.meaning.malignant for one in self.of(path)} - {None}
        said = {one.meaning.malignant for one in told} - {None}
        both = {meaning(folder.name).malignant for folder in self._classes} >= {0, 1}
        return both and bool(said) and bool(answers) and not answers & said

    def of(self, path: Path) -> list[Told]:
        """What the folders above a photograph say, the nearest first.

        A folder that lies among folders named by diagnoses is a class too, though perhaps one that is not understood.
        """
        above = [folder for folder in path.parents if folder.name]
        told = [Told("folder", folder.name, meaning(folder.name)) for folder in above if folder in self._classes]
        if told:
            within = next(k for k, folder in enumerate(above) if folder in self._classes)
            denying = next((folder for folder in above[:within] if _may_deny(folder)), None)
            return told if denying is None else [Told("folder", f"{told[0].text}/{denying.name}", NOTHING)]
        for folder in reversed(above):
            # Train and test may lie among the classes of a folder that is badly packed.
            if folder.parent in self._beside and not given_split(Path(folder.name) / "x"):
                return [Told("folder", folder.name, NOTHING)]
        return []


def _may_deny(folder: Path) -> bool:
    """Whether a folder within a class may hold what the class is compared with: melanoma/no, melanoma/control."""
    return bool((NOT | DENIED | COMPARED) & set(plain(folder.name).split())) or folder.name == "0"


def _is_subject(folder: Path) -> bool:
    """Whether a folder may be called by its subject, as "skin cancer" or "moles" above benign and malignant.

    One that is called malignant or benign itself is a class, and contradicts the other below it.
    """
    return bool(meaning(folder.name).diagnosis or CANCER & set(plain(folder.name).split()))


def _read(data: DataFolder) -> None:
    folders = ClassFolders(data.pictures)
    source = data.root.name
    for path, reason in _made_from_others(data, folders).items():
        data.leave_out(path, source, path.with_suffix("").as_posix(), reason)
    for path in data.pictures:
        told = folders.of(path)
        if told:
            original = data.names.original(path)
            path = original if folders.of(original) == told else path
            name = path.with_suffix("").as_posix()
            data.add(path.as_posix(), source, name, told, given_split=given_split(path.parent / "x"))


def _made_from_others(data: DataFolder, folders: ClassFolders) -> dict[Path, str]:
    """Masks and copies that bear the name of a photograph -> the reason for leaving them out.

    Photographs of different classes may share a name by chance, and so may those of train and test.
    """
    found = {path: reason for path, reason in data.names.derived().items() if folders.of(path)}
    for namesakes in data.names.namesakes():
        by_label: dict[object, list[Path]] = {}
        for path in namesakes:
            try:
                label: object = settle(folders.of(path))
            except NoLabel:
                label = None
            by_label.setdefault(label, []).append(path)
        unlabelled = by_label.pop(None, [])
        for paths in by_label.values():
            made = data.names.made_from_others([*paths, *unlabelled])
            for folder in {path.parent for path in paths}:  # the same picture as .jpg and .png
                beside = [path for path in paths if path.parent == folder and not made[path]]
                made |= data.names.told_apart(beside) if len(beside) > 1 else {}
            found |= {path: reason for path, reason in made.items() if reason}
    return found


CLASS_FOLDERS = Layout(
    "class_folders",
    "folders named benign and malignant, or by diagnoses, with or without train and test above them",
    lambda data: bool(ClassFolders(data.pictures)),
    _read,
)
