"""In the kernels of the tests: a deprecation of the libraries that the workshop teaches is an error.

conftest.py puts this file among IPython's start-up files. What is deprecated today is gone in some release that a
learner installs tomorrow. transformers says many of them by its log rather than as warnings, and the workshop keeps
that log quiet: so the call is watched, not what is printed.
"""


def _fail_on_deprecations() -> None:
    # Everything is local: IPython runs this file in the learner's own namespace, where it must leave nothing.
    import logging
    import warnings
    from importlib import metadata

    libraries = ("transformers", "datasets", "optuna")
    callers = rf"(__main__|helpers|{'|'.join(libraries)})"  # where a warning is seen: in the call, or in the library
    # transformers 5.15's own pipeline for text calls generate() in a way that generate() deprecates; later ones do not.
    expected = "Passing `generation_config` together" if metadata.version("transformers").startswith("5.15.") else None
    plain = logging.Logger.warning

    def watched(logger: logging.Logger, message, *arguments, **options) -> None:
        text = str(message)
        if expected and text.startswith(expected):
            return
        if logger.name.split(".")[0] in libraries and "deprecated" in text:
            raise DeprecationWarning(message)
        plain(logger, message, *arguments, **options)

    logging.Logger.warning = watched
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
        warnings.filterwarnings("error", category=category, module=callers)
    # transformers 5.15 itself reads vocabularies in a way that its tokenizers call deprecated; later ones do not.
    warnings.filterwarnings("ignore", message=r"Deprecated in 0\.9\.0: \w+\.__init__ will not create from files")


_fail_on_deprecations()
del _fail_on_deprecations
