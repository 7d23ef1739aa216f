"""Outputs on Google Drive: what took long outlives a Colab runtime, whose disk is lost after some hours."""

import filecmp
import shutil
from itertools import count
from pathlib import Path

from helpers import settings
from helpers.exercises import progress


def keep_outputs(folder: str = "llm-workshop", mount: str | Path = "/content/drive") -> None:
    """Keep outputs/ on Google Drive, from now on and in every later runtime that runs this line.

    Taught on every day, "Set-up".

    Asks for access to Drive once for each runtime. What is in outputs/ already moves there. What Drive has from an
    earlier runtime stays as it is; where this runtime's files differ, they go to a folder next to it, and a line says
    so. Solved exercises of both are merged. Outside of Colab nothing happens, and a sentence says so.

    Parameters
    ----------
    folder : str
        Its name in "My Drive".
    mount : str or Path
        Where Drive appears in the runtime's file system.

    Raises
    ------
    OSError
        Where Drive cannot be written; outputs/ is then as it was.
    """
    try:
        from google.colab import drive
    except ImportError:
        print("Not in Colab: outputs/ stays on this machine, where no runtime expires.")
        return
    drive.mount(str(mount))
    here, there = settings.OUTPUTS, Path(mount) / "MyDrive" / folder / "outputs"
    there.mkdir(parents=True, exist_ok=True)
    if here.is_symlink():
        here.unlink()
    elif here.exists():
        _join(here, there)
        shutil.rmtree(here)
    here.symlink_to(there, target_is_directory=True)  # so that notebooks and helpers go on writing to outputs/
    found = sum(path.is_file() for path in there.rglob("*"))
    print(f"outputs/ is now the folder {folder}/outputs of your Drive ({found} files).")


def _join(here: Path, there: Path) -> None:
    """Copy to Drive what is not there yet; what differs there goes to a folder of its own.

    A result such as day2/stance is copied or left as a whole: a checkpoint is wrong among those of another training.
    """
    if solved := progress.solved(here):
        progress.add(solved, there)
    other = next(path for number in count(1) if not (path := there / f"from-another-runtime-{number}").exists())
    differ = []
    for path in sorted(here.iterdir()):
        for result in sorted(path.iterdir()) if path.is_dir() else [path]:
            name = result.relative_to(here)
            files, known = _files(result), _files(there / name)
            if name.name == progress.NAME or not files:
                continue
            if not known:
                _copy(result, there / name)
            elif not _same(files, known):
                _copy(result, other / name)
                differ.append(name.as_posix())
    if differ:
        print(
            f"Your Drive has {', '.join(differ)} from an earlier runtime, and the cells continue from it. What this "
            f"runtime has under the same name is kept in outputs/{other.name}."
        )


def _files(result: Path) -> dict[Path, Path]:
    """The files of a folder by their names in it, or the one file that it is; empty where it does not exist."""
    return {path.relative_to(result): path for path in (result, *result.rglob("*")) if path.is_file()}


def _same(ours: dict[Path, Path], theirs: dict[Path, Path]) -> bool:
    if ours.keys() != theirs.keys():
        return False
    return all(filecmp.cmp(path, theirs[name], shallow=False) for name, path in ours.items())


def _copy(result: Path, target: Path) -> None:
    with settings.atomic(target) as temporary:
        if result.is_dir():
            shutil.copytree(result, temporary, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(result, temporary)
