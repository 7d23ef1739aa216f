"""What there is to fetch, and fetching it.

python -m helpers.packages           what there is, and what of it is cached
python -m helpers.packages fetch     everything that the notebooks use, for a room without a network later
"""

import sys

from helpers import settings
from helpers.packages import SourceError, catalogue, stand_ins


def main(arguments: list[str]) -> int:
    if arguments == []:
        print(catalogue.table())
    elif arguments == ["fetch"]:
        try:
            for name in catalogue.learners():
                catalogue.files(name)
            catalogue.published("minilm")
            stand_ins.prepare_all()
        except SourceError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"Everything is in {settings.CACHE}. No network is needed from now on.")
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
