"""One file per training objective; the folder is the list."""
