"""Google Drive in Colab: what took long outlives the runtime.

Colab ends a runtime after some hours, and its disk goes with it. `helpers.drive.keep_outputs()` puts the folder
outputs/, with its checkpoints, studies and results, on the learner's Drive; the cells find it there again.
"""

import filecmp
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from helpers.settings import OUTPUTS


def keep_outputs(folder: str = "llm-workshop", mount: str | Path = "/content/drive") -> None:
    """Keep outputs/ on Google Drive, from now on and in every later runtime that runs this line.

    folder: its name in "My Drive". mount: where Drive appears in the runtime's file system.

    Asks for access to Drive once for each runtime. What lies in outputs/ already moves there. What Drive has of an
    earlier runtime stays as Drive has it; where this runtime's differs, it goes to a folder beside, and a line says so.
    Outside of Colab nothing happens, and a sentence says so.
    Raises OSError where Drive cannot be written; outputs/ is then as it was.
    """
    try:
        from google.colab import drive
    except ImportError:
        print("Not in Colab: outputs/ stays on this machine, where nothing ends a runtime.")
        return
    drive.mount(str(mount))
    kept = Path(mount) / "MyDrive" / folder / "outputs"
    kept.mkdir(parents=True, exist_ok=True)
    if OUTPUTS.is_symlink():
        OUTPUTS.unlink()
    elif OUTPUTS.exists():
        _copy_units(OUTPUTS, kept)
        shutil.rmtree(OUTPUTS)
    # The notebooks and helpers go on writing to outputs/, and need not know.
    OUTPUTS.symlink_to(kept, target_is_directory=True)
    found = sum(path.is_file() for path in kept.rglob("*"))
    print(f"outputs/ is now the folder {folder}/outputs of your Drive ({found} files from before).")


def _copy_units(here: Path, there: Path) -> None:
    """Copy every unit that is not there yet; what is there in another form goes to a folder beside."""
    beside = next(path for number in count(1) if not (path := there / f"from-another-runtime-{number}").exists())
    differ = []
    for unit in _units(here):
        name = unit.relative_to(here)
        known = _files(there / name)
        if not known:
            _copy(unit, there / name)
        elif not _same(_files(unit), known):
            _copy(unit, beside / name)
            differ.append(name.as_posix())
    if differ:
        print(
            f"Your Drive has {', '.join(differ)} of an earlier runtime, and the cells go on with that. What this one "
            f"has under the same name is kept in outputs/{beside.name}."
        )


def _units(here: Path) -> Iterator[Path]:
    """What is taken or left as a whole, such as day2/stance: a checkpoint is wrong among those of another training."""
    for path in sorted(here.iterdir()):
        units = sorted(path.iterdir()) if path.is_dir() else [path]
        yield from (unit for unit in units if _files(unit))


def _files(unit: Path) -> dict[Path, Path]:
    """The files of a folder by their names in it, or the one file that the unit is; empty where it does not exist."""
    return {path.relative_to(unit): path for path in (unit, *unit.rglob("*")) if path.is_file()}


def _same(ours: dict[Path, Path], theirs: dict[Path, Path]) -> bool:
    if ours.keys() != theirs.keys():
        return False
    return all(filecmp.cmp(path, theirs[name], shallow=False) for name, path in ours.items())


def _copy(unit: Path, target: Path) -> None:
    """Copy a unit under another name first, so that half of one never counts as what Drive has."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for name, path in _files(unit).items():
        place = part / name  # the part itself, where the unit is one file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    part.replace(target)
