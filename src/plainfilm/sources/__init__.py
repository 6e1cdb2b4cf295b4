"""One file per published raw layout; the folder is the list."""
