"""The command line: parses arguments and calls the modules that do the work."""
