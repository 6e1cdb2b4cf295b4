"""Evaluators, validation metrics in addition to the loss: one file each, found by its name."""
