"""The first edition's name for `helpers.packages`: it says so, and does nothing."""

import sys

sys.exit("`python -m helpers.sources` is now `python -m helpers.packages`: alone it lists, with `fetch` it fetches.")
