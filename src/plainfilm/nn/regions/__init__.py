"""The parts of a model that locates prompts and describes boxes (ChEX, arXiv:2404.15770), one file each."""
