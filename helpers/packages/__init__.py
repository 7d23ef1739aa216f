"""Models and texts of Python packages, in a cache that `from_pretrained` reads; the Hugging Face Hub on request."""

from helpers.packages.catalogue import entry, files, published
from helpers.packages.hub import download
from helpers.packages.stand_ins import model
from helpers.packages.wheels import SourceError

__all__ = ["SourceError", "download", "entry", "files", "model", "published"]
