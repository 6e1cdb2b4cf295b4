"""What frozen features know: logistic regressions on them, trained on shares of the labels."""
