"""What every test shares: no GPU, and no network but the loopback once everything is fetched."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from helpers import settings

os.environ |= {"HF_HUB_CACHE": str(settings.HUB_CACHE), "HF_HUB_OFFLINE": "1"}  # as setup() sets them
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the saved outputs are the CPU's

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def failures(notebook) -> list[str]:
    """Id and error of each cell of a notebook, run with allow_errors, that failed."""
    return [
        f"{cell['id']}: {output['ename']}: {output['evalue']}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


@pytest.fixture(scope="session", autouse=True)
def deprecations_are_errors():
    """In this process, and in every kernel that a test starts: IPython reads its start-up files from this folder."""
    import deprecations

    with tempfile.TemporaryDirectory() as folder:
        startup = Path(folder) / "profile_default" / "startup"
        startup.mkdir(parents=True)
        shutil.copy(deprecations.__file__, startup)
        os.environ["IPYTHONDIR"] = folder
        yield
        del os.environ["IPYTHONDIR"]


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


@pytest.fixture(scope="session")
def hub_repositories(tmp_path_factory):
    """A folder with tiny models and data sets for the stand-in Hub, made once; nobody changes them."""
    import hub_data
    import hub_models

    folder = tmp_path_factory.mktemp("hub")
    hub_models.build(folder / "models")
    hub_data.build(folder / "datasets")
    return folder


@pytest.fixture
def hub(hub_repositories):
    """A stand-in for the Hugging Face Hub that serves these repositories, and fails when told to."""
    from hub_server import StandIn

    with StandIn() as server:
        for place in hub_repositories.glob("*/*/*"):  # models or datasets, owner, name
            server.add(place.relative_to(hub_repositories).as_posix(), place)
        yield server


@pytest.fixture
def hub_environment(hub, tmp_path) -> dict[str, str]:
    """The environment of a learner with the stand-in Hub in place of the Hub, and an empty cache."""
    free = {name: value for name, value in os.environ.items() if not name.startswith(("WORKSHOP_", "HF_"))}
    return free | {
        "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "WORKSHOP_CACHE": str(tmp_path / "cache"),
        "HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1",
        "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
    }  # fmt: skip
