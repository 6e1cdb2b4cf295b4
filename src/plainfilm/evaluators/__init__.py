"""What validation measures beside the loss: one file per evaluator, found by its name."""
