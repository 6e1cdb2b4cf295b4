"""Many models on many collections, by the tasks that each can do, in one table with intervals and ranks."""
