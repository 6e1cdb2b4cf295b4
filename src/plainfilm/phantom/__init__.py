"""A seeded 3-D chest, rendered to films with reports whose truth is known."""
