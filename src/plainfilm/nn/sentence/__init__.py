"""Decoders that write a sentence after a prefix, one file each (`nn.base.SentenceDecoder`)."""
