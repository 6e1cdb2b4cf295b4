"""Logistic regressions on frozen features, trained on fractions of the labels."""
