"""From report text to the states of observations, each with its evidence."""
