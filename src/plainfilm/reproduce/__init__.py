"""Published papers, repeated: from weights and raw corpora to a page that sets our values beside theirs."""
