"""Metrics as pure functions of arrays, with intervals by resampling patients."""
