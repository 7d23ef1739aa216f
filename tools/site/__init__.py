"""A site and slides from the saved notebooks, and the checks in a browser."""
