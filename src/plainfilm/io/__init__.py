"""Pixels and tables in and out: images, CSV, Parquet, JSON; everything is written atomically."""
