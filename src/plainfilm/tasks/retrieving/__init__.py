"""The parts of the task `retrieval`: queries and embeddings, scores, and stored tables."""
