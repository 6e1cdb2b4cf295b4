"""Reports as text: sections, sentences, which text a model sees, and tokens."""
