"""The parts of the audit of reliance on the film: changed films, answers, prompt pairs, verdicts."""
