"""Exercises that answer back: check(), hint(), solution()."""

from helpers.exercises.check import get, names

__all__ = ["get", "names"]
