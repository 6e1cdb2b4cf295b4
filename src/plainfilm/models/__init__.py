"""Kinds of model: one file each, found by its name."""
