"""From a collection to batches of views and texts."""
