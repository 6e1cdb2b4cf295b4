"""What tasks share: from terms per item to metrics beside their baselines, and what must not be evaluated."""
