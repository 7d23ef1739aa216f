"""In the kernels of the tests: a deprecation of the libraries that the workshop teaches is an error.

conftest.py puts this file among IPython's start-up files. What is deprecated today is gone in some release that a
learner installs tomorrow. transformers says many of them by its log rather than as warnings, and the workshop keeps
that log quiet: so the call is watched, not what is printed.
"""

import logging
import warnings

LIBRARIES = ("transformers", "datasets", "optuna")
CALLERS = rf"(__main__|helpers|{'|'.join(LIBRARIES)})"  # where a warning is seen: in the call, or inside the library

_warning = logging.Logger.warning


def watched(logger: logging.Logger, message, *arguments, **options) -> None:
    """logging's own `warning`, but for a library's word that something is deprecated: that is raised."""
    if logger.name.split(".")[0] in LIBRARIES and "deprecated" in str(message):
        raise DeprecationWarning(message)
    _warning(logger, message, *arguments, **options)


logging.Logger.warning = watched
for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
    warnings.filterwarnings("error", category=category, module=CALLERS)
