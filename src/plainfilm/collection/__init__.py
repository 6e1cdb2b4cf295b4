"""Studies on disk in our format: prepare, open, describe, audit, label."""
