"""Metrics of generated reports against their references: pure functions over N pairs of texts.

Every function takes N references and N candidates and returns values per pair, (N,) or the sums that a corpus
score is made of, so that they serve evaluation, paired comparison and rewards alike. Each file states the
`identity` of its metric: tokenisation, variant and the version of the library that computes it.
"""
