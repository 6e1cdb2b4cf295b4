"""Searchable sets of embeddings with what they came from."""
