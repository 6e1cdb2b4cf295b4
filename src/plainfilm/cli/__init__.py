"""The command line; arguments only, the work is elsewhere."""
