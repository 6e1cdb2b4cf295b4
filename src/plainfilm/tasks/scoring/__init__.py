"""What tasks share: statistics to metrics beside their baselines, protocols, subgroups, refused leaks."""
