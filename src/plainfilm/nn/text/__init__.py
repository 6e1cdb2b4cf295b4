"""Text encoders: one file each, found by its name."""
