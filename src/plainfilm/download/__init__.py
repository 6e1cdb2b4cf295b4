"""Downloads of published corpora: `corpus_index` lists them, `run` downloads them."""

from plainfilm.download.corpus_index import corpus, corpus_names
from plainfilm.download.remote_hosts import Access
from plainfilm.download.run import Summary, download, listing

__all__ = ["Access", "Summary", "corpus", "corpus_names", "download", "listing"]
