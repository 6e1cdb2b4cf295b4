"""Evaluation tasks: one file each, found by its name."""
