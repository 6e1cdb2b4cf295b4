"""What is learned of an item beside its films: one file per target, found by its name."""
