"""The shared parts of tasks: metrics from statistics, baselines, protocols, subgroups, leak checks."""
