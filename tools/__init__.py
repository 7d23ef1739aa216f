"""What maintainers and instructors run, from the repository's root: `python -m tools.notebooks.outputs`."""
