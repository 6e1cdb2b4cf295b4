"""One file per kind of image encoder; the folder is the list."""
