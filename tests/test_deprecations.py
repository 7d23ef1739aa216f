"""What a library calls deprecated fails a test, here and in a kernel."""

import warnings

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def run(source: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()


@pytest.mark.parametrize(
    "source",
    [
        "import warnings\nwarnings.warn('going away', FutureWarning)",
        "import logging\nlogging.getLogger('transformers.training_args').warning('`x` is deprecated, use `y`')",
    ],
    ids=["warning", "log"],
)
def test_a_deprecation_in_a_cell_is_an_error(source):
    with pytest.raises(CellExecutionError, match="going away|is deprecated"):
        run(source)


def test_other_warnings_in_a_cell_are_not():
    run("import logging, warnings\nwarnings.warn('slow')\nlogging.getLogger('transformers').warning('slow')")


def test_watching_for_them_leaves_nothing_in_the_namespace_of_a_notebook():
    run("assert not {'logging', 'warnings', '_fail_on_deprecations'} & set(globals())")
    run("%reset -f\nimport logging\nlogging.getLogger('transformers').warning('slow')")


def test_a_deprecation_seen_in_a_helper_is_an_error():
    with pytest.raises(DeprecationWarning):
        warnings.warn_explicit("going away", DeprecationWarning, "data.py", 1, module="helpers.data.sets")
