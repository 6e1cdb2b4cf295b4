"""Evaluators, the validation metrics beside the loss: one file each, found by its name."""
