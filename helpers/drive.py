"""Google Drive in Colab: what took long outlives the runtime.

Colab ends a runtime after some hours, and its disk goes with it. `helpers.drive.keep_outputs()` puts the folder
outputs/, with its checkpoints, studies and results, on the learner's Drive; the cells find it there again.
"""

import shutil
from pathlib import Path

from helpers.runtime import OUTPUTS


def keep_outputs(folder: str = "llm-workshop", mount: str | Path = "/content/drive") -> None:
    """Keep outputs/ on Google Drive, from now on and in every later runtime that runs this line.

    folder: its name in "My Drive". mount: where Drive appears in the runtime's file system.

    Asks for access to Drive once for each runtime. What lies in outputs/ already moves there; a file that Drive has
    of an earlier runtime stays as Drive has it. Outside of Colab nothing happens, and a sentence says so.
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
        _copy_new_files(OUTPUTS, kept)
        shutil.rmtree(OUTPUTS)
    # The notebooks and helpers go on writing to outputs/, and need not know.
    OUTPUTS.symlink_to(kept, target_is_directory=True)
    count = sum(path.is_file() for path in kept.rglob("*"))
    print(f"outputs/ is now the folder {folder}/outputs of your Drive ({count} files from before).")


def _copy_new_files(here: Path, there: Path) -> None:
    for path in sorted(here.rglob("*")):
        target = there / path.relative_to(here)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(target.name + ".part")
            shutil.copyfile(path, temporary)
            temporary.replace(target)
