"""Raw layouts of published corpora, one file each: its name is the name of the layout."""
