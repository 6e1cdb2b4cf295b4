"""Parts of `plainfilm predict`."""
