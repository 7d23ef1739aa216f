"""The notebooks: run, refreshed, filled with exercises and links, timed, published."""
