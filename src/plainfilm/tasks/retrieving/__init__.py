"""The parts of the task `retrieval`: what is asked of what, how it is scored, what is kept of it."""
