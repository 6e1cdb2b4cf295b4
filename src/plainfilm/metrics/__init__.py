"""Scores as pure functions of arrays, and their intervals by resampling patients."""
