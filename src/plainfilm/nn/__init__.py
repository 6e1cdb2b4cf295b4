"""Encoders, projections and the dual encoder, and the folder a model is kept in."""
