"""What every test shares: the packages source, and no network but the loopback once everything is fetched."""

import os
import socket
from pathlib import Path

import pytest

os.environ["WORKSHOP_SOURCE"] = "packages"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the saved outputs are the CPU's

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def loopback_only(request, monkeypatch):
    """A test that is not marked `installs` fails where it connects to anything but this machine."""
    if request.node.get_closest_marker("installs"):
        return
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "localhost"
        assert host in ("localhost", "127.0.0.1", "::1"), f"a test asked for the network: {host}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
