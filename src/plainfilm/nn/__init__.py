"""Neural network parts: encoders, projections, pooling, and dropout by row."""
