"""Every notebook runs with `source="hub"`: tiny models under the real names, from a stand-in Hub on the loopback."""

import nbformat
import pytest
from conftest import NOTEBOOKS, failures
from nbclient import NotebookClient
from test_notebooks_run import NO_NETWORK

from helpers import settings
from helpers.packages import catalogue

CALL, CHOICE = "helpers.setup()", 'helpers.setup(source="hub", size="tiny")'


@pytest.fixture
def notebook_environment(hub_environment):
    """As a learner with the Hub, and with what the packages carry fetched before."""
    cache = settings.Path(hub_environment["WORKSHOP_CACHE"])
    encoder = catalogue.repository_folder(catalogue.entry("minilm")["repository"])
    (cache / "huggingface").mkdir(parents=True)
    (cache / "huggingface" / encoder.name).symlink_to(encoder)
    (cache / "packages").symlink_to(settings.CACHE / "packages")
    return hub_environment | NO_NETWORK | {"HF_HUB_DOWNLOAD_TIMEOUT": "10", "HF_HUB_ETAG_TIMEOUT": "10"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_with_the_hub_s_models(path, hub, notebook_environment):
    notebook = nbformat.read(path, as_version=4)
    [setup] = [cell for cell in notebook.cells if cell["id"] == "setup"]
    assert setup.source.count(CALL) == 1
    setup.source = setup.source.replace(CALL, CHOICE)
    client = NotebookClient(notebook, kernel_name="python3", timeout=1800, allow_errors=True)
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.extra_arguments = ["--log-level=40"]
    client.execute(env=notebook_environment)
    assert not failures(notebook), "\n".join(failures(notebook))
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "In place of" not in said and "was not downloaded" not in said, said
    assert any("/resolve/" in request for request in hub.asked)
