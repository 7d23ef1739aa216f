"""In the kernels of the tests: a deprecation of the libraries that the workshop teaches is an error.

conftest.py puts this file among IPython's start-up files. What is deprecated today is gone in some release that a
learner installs tomorrow. transformers says many of them by its log rather than as warnings.
"""

import logging
import warnings

LIBRARIES = ("transformers", "datasets", "optuna")
CALLERS = rf"(__main__|helpers|{'|'.join(LIBRARIES)})"  # where a warning is seen: in the call, or inside the library


class Deprecation(logging.Handler):
    """Raises where a library's log says that something is deprecated."""

    def emit(self, record: logging.LogRecord) -> None:
        if "deprecated" in (text := record.getMessage()):
            raise DeprecationWarning(text)


for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
    warnings.filterwarnings("error", category=category, module=CALLERS)
for library in LIBRARIES:
    logging.getLogger(library).addHandler(Deprecation())
