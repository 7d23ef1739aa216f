"""Every notebook runs with the models of the Hub: tiny ones, under the real names, from a stand-in on the loopback."""

import shutil

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT, failures
from nbclient import NotebookClient
from test_notebooks_run import NO_NETWORK

from helpers.packages import catalogue


@pytest.fixture
def notebook_environment(hub_environment, tmp_path):
    """As a learner with the Hub, and with the data of the packages as they were fetched."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "packages").symlink_to(catalogue.cache_folder() / "packages")
    patience = {"HF_HUB_ETAG_TIMEOUT": "10", "HF_HUB_DOWNLOAD_TIMEOUT": "10"}
    return hub_environment | NO_NETWORK | patience | {"WORKSHOP_SOURCE": "hub", "WORKSHOP_SIZE": "tiny"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_with_models_of_the_hub(path, hub, notebook_environment):
    for folder in (ROOT / "outputs").glob("day*/*-hub-tiny"):  # made by other random models
        shutil.rmtree(folder)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, kernel_name="python3", timeout=1800, allow_errors=True)
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.extra_arguments = ["--log-level=40"]
    client.execute(env=notebook_environment)
    assert not failures(notebook), "\n".join(failures(notebook))
    assert any("/resolve/" in request for request in hub.asked)
