"""Scores of films by observation, evaluated alike whether prompts, a classifier or a probe gave them."""
