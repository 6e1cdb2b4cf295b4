"""Training targets of an item beside its films: one file each, found by its name."""
