"""One file per evaluation; the folder is the list."""
