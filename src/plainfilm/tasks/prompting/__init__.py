"""The parts of the task `zero_shot`: films and truths, prompts, decisions, terms, tables."""
