"""A file of the stand-in Hub: its content, the names that git and LFS give it, and how the API lists it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

# Kept in LFS: named by SHA-256, and served from elsewhere.
LARGE = {".safetensors", ".bin", ".spm", ".parquet", ".jsonl"}


@dataclass(frozen=True)
class File:
    """One file of a commit, with the names that git and LFS give it."""

    content: bytes
    large: bool
    git: str
    sha256: str

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.git


def file_of(name: str, content: bytes) -> File:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return File(content, Path(name).suffix in LARGE, git, hashlib.sha256(content).hexdigest())


def entry(path: str, file: File) -> dict:
    """A file as the tree lists it."""
    found = {"type": "file", "oid": file.git, "size": len(file.content), "path": path}
    lfs = {"oid": file.sha256, "sha256": file.sha256, "size": len(file.content), "pointerSize": 134}
    return found | ({"lfs": lfs} if file.large else {})


def sibling(path: str, file: File) -> dict:
    """A file as a repository's description lists it when asked for blobs."""
    found = {"rfilename": path, "size": len(file.content), "blobId": file.git}
    lfs = {"sha256": file.sha256, "size": len(file.content), "pointerSize": 134}
    return found | ({"lfs": lfs} if file.large else {})
