"""Translates texts with MarianMT models; a sampled translation depends on its text only.

Sampling a batch from one stream of random numbers would make every translation depend on its neighbours.
Here each text has its own generator, seeded by the text; the arithmetic on a padded batch still differs in
the last bits, which matters only if a random draw falls exactly on a boundary.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from plainfilm.errors import ModelError, PlainfilmError, UsageError, nearest
from plainfilm.io.hub import before_download, not_here, quietly, unreadable
from plainfilm.io.optional import optional_import
from plainfilm.io.packages import local_path
from plainfilm.seeding import stable_hash

_UNREADABLE = "cannot be read"
LONGEST = 256
"""Largest number of tokens of a text to translate, and of its translation."""

_PARTS = ("config.json", "source.spm", "target.spm", "vocab.json")


class Translator:
    """A MarianMT model (Junczys-Dowmunt et al. 2018, arXiv:1804.00344) and its tokenizer.

    name: of the model, without its folder. fingerprint: the SHA-256 digest of weights and vocabulary, in
    hexadecimal, independent of their storage format.
    """

    def __init__(self, model: Any, tokenizer: Any, name: str, into: str | None = None) -> None:
        self.name = name if into is None else f"{name}>{into}"
        self.fingerprint = _fingerprint(model, tokenizer)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = model.to(self._device).eval()
        self._tokenizer = tokenizer
        self._code = f">>{into}<< " if into else ""

    @staticmethod
    def load(name: str, into: str | None = None) -> Translator:
        """Load the model in a folder or of a hub name, which is downloaded if it is not in the local cache.

        `into` is the language code for a model that knows several, such as cmn_Hant.

        Raises:
            ModelError: no model, another kind of model, or weights that do not fit.
            UsageError: the model needs a language code, or does not know this one.
            MissingDependency: sentencepiece is not installed.
        """
        model, tokenizer = _locally_or_downloaded(name)
        _check_language(name, tokenizer, into)
        return Translator(model, tokenizer, Path(name).name, into)

    def translate(
        self, texts: Sequence[str], *, temperature: float = 1.0, beams: int = 5, seed: int = 0
    ) -> list[str | None]:
        """A translation of each text, sampled with `beams` beams; `None` if the text or its translation is
        longer than `LONGEST` tokens. On a CPU, one thread is used, so that the results are reproducible.
        """
        coded = [f"{self._code}{text}" for text in texts]
        lengths = [len(ids) for ids in self._tokenizer(coded).input_ids] if coded else []
        usable = [place for place, length in enumerate(lengths) if length <= LONGEST]
        translations: list[str | None] = [None] * len(texts)
        if usable:
            draws = [self._generator(seed, texts[place]) for place in usable]
            sampled = self._sampled([coded[place] for place in usable], draws, temperature, beams)
            for place, translation in zip(usable, sampled, strict=True):
                translations[place] = translation
        return translations

    def _sampled(
        self, texts: list[str], draws: list[torch.Generator], temperature: float, beams: int
    ) -> list[str | None]:
        given = self._tokenizer(texts, return_tensors="pt", padding=True).to(self._device)
        with _one_thread(), torch.inference_mode(), _OwnDraws(draws):
            tokens = self._model.generate(
                **given,
                do_sample=True,
                temperature=temperature,
                top_k=0,
                num_beams=beams,
                max_new_tokens=LONGEST,
                max_length=None,
            )
        lengths = (tokens != self._tokenizer.pad_token_id).sum(dim=1)
        decoded = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [
            " ".join(text.split()) if length < LONGEST else None
            for text, length in zip(decoded, lengths.tolist(), strict=True)
        ]

    def _generator(self, seed: int, text: str) -> torch.Generator:
        return torch.Generator(self._device).manual_seed(stable_hash("translation", seed, text))


class _OwnDraws(TorchFunctionMode):
    """Makes `torch.multinomial` draw every row from its own generator, by the same exponential race."""

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self._generators = generators

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.multinomial:
            return self._drawn(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _drawn(self, probabilities: Tensor, num_samples: int) -> Tensor:
        waits = [
            torch.empty_like(row).exponential_(generator=own)
            for row, own in zip(probabilities, self._generators, strict=True)
        ]
        return (probabilities / torch.stack(waits)).topk(num_samples).indices


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _locally_or_downloaded(name: str) -> tuple[Any, Any]:
    folder, what = local_path(name), f"translation model '{name}'"
    lacks = [part for part in _PARTS if folder is not None and not (folder / part).is_file()]
    if lacks:
        raise ModelError(f"{what}: its folder lacks {lacks[0]}, so it is no MarianMT model")
    library = _library()
    try:
        with quietly(library):
            return _read(library, folder or name)
    except PlainfilmError:
        raise
    except (OSError, ValueError) as error:
        if folder is not None:
            raise unreadable(what, error, folder, _UNREADABLE) from None
    except Exception as error:  # of files that are damaged the library lets anything through
        raise unreadable(what, error, folder, _UNREADABLE) from None
    before_download(what, offline=False)
    try:
        return _read(library, name, local=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise not_here(what, str(error)) from None


def _library() -> Any:
    """The package transformers, where what it needs for translation is installed, too."""
    # transformers would report its absence late and at length.
    optional_import("sentencepiece", "augment", "translation")
    return optional_import("transformers", "augment", "translation")


def _read(library: Any, name: Path | str, *, local: bool = True) -> tuple[Any, Any]:
    kind = library.AutoConfig.from_pretrained(name, local_files_only=local).model_type
    if kind != "marian":
        raise ModelError(f"{name}: is a model of type '{kind}', not a MarianMT translation model")
    loaded: Any = library.MarianMTModel.from_pretrained(
        name, local_files_only=local, dtype=torch.float32, output_loading_info=True
    )
    model, loading_info = loaded
    wrong = sorted(loading_info["missing_keys"]) + sorted(str(key) for key in loading_info["mismatched_keys"])
    if wrong:
        raise ModelError(f"{name}: its weights do not fit its configuration: '{wrong[0]}'")
    return model, _read_tokenizer(library, name, local)


def _read_tokenizer(library: Any, name: Path | str, local: bool) -> Any:
    with warnings.catch_warnings():
        # Without sacremoses curly quotes stay curly; the labeller reads every translation anyway.
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        return library.MarianTokenizer.from_pretrained(name, local_files_only=local)


def _check_language(name: str, tokenizer: Any, into: str | None) -> None:
    codes = [code.removeprefix(">>").removesuffix("<<") for code in tokenizer.supported_language_codes]
    if into is not None and into not in codes:
        raise UsageError(f"{name}: does not translate into '{into}': {nearest(into, codes)}")
    if into is None and len(codes) > 1:
        raise UsageError(f"{name}: translates into several languages; choose one: {', '.join(sorted(codes))}")


def _fingerprint(model: Any, tokenizer: Any) -> str:
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    digest.update(json.dumps(sorted(tokenizer.get_vocab().items()), ensure_ascii=False).encode())
    for pieces in (tokenizer.spm_source, tokenizer.spm_target):
        digest.update(pieces.serialized_model_proto())
    return digest.hexdigest()
