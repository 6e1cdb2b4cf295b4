"""Evaluation of image scores by observation, the same for prompts, classifiers and probes."""
