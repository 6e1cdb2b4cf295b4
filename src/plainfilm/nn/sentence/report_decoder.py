"""The report decoder without a memory: a small GPT (Radford et al. 2019), trained from scratch.

Its layers are those of `nn.report_decoder`, so that it takes the same settings.
"""

from __future__ import annotations

from torch import Tensor

from plainfilm.nn.base import DecoderConfig, PrefixShape, SentenceDecoder
from plainfilm.nn.decoder_layers import PrefixBefore
from plainfilm.nn.report_decoder import ReportDecoder, ReportDecoderConfig, ReportWriter
from plainfilm.nn.size import check_fits_in_memory


class Config(ReportDecoderConfig, DecoderConfig):
    """The settings of a report decoder, which writes in one direction."""

    use: str = "report_decoder"

    @property
    def tokenizer_name(self) -> str | None:
        """The stated tokenizer."""
        return self.tokenizer

    @property
    def longest(self) -> int:
        """The number of positions."""
        return self.max_tokens


TINY = Config(width=16, depth=2, heads=2, max_tokens=16)


class CompactDecoder(SentenceDecoder):
    """A report decoder that reads a prefix alone."""

    config: Config

    def __init__(self, config: Config, vocabulary_size: int, pad: int) -> None:
        super().__init__()
        self.config = config
        self.max_tokens = config.max_tokens
        self.shape = PrefixShape(config.depth, config.heads, config.width // config.heads)
        self.decoder = ReportDecoder(config, None, vocabulary_size, pad)

    def forward(self, token_ids: Tensor, prefix: Tensor, mask: Tensor) -> Tensor:
        """See `SentenceDecoder.forward`."""
        hidden: Tensor = self.decoder(None, None, token_ids, prefix=PrefixBefore(prefix, mask))
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden vectors (..., W)."""
        return self.decoder.logits(hidden)

    def writer(self, prefix: Tensor, mask: Tensor, most: int) -> ReportWriter:
        """See `SentenceDecoder.writer`."""
        return self.decoder.writer(None, None, most, prefix=PrefixBefore(prefix, mask))


def build(config: Config, vocabulary_size: int, pad: int) -> CompactDecoder:
    """The decoder of `config`, with random weights.

    Raises:
        ConfigError: it does not fit into the memory of this machine.
    """
    config = config.model_copy(update={"bidirectional": False})
    what = f"sentence decoder of {vocabulary_size} tokens"
    check_fits_in_memory(lambda: CompactDecoder(config, vocabulary_size, pad), what)
    return CompactDecoder(config, vocabulary_size, pad)
