"""Evaluation of film scores by observation, the same for prompts, classifiers and probes."""
