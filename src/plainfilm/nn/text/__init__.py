"""One file per kind of text encoder; the folder is the list."""
