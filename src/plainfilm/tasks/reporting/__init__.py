"""The parts of the task `report_generation`: scores of texts, baselines, examples, and files of texts."""
