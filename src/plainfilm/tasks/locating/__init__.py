"""Shared by the tasks of models that locate and describe: films with boxes, answers, scores, baselines."""
