"""What the pixels of a film show: its appearance, its view, a hash of what is on it."""
