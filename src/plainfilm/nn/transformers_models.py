"""Models of the transformers library, by hub name, local folder or `package:NAME/folder`, or by settings.

What text encoders and sentence decoders have in common. No model folder and no recipe runs code of somebody
else (`trust_remote_code` is off), and nothing is downloaded where that is forbidden or without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from plainfilm.errors import ConfigError, ModelError
from plainfilm.io.hub import (
    before_download,
    local_only,
    not_here,
    quietly,
    transformers_library,
    unreadable,
)
from plainfilm.io.packages import local_path

_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
_HIDDEN_DROPOUT = ("hidden_dropout_prob", "dropout", "resid_pdrop", "embd_pdrop")


@dataclass(frozen=True)
class LibraryModel:
    """A model of the library.

    what: in messages, such as "text model". name: empty if `settings` (with `model_type`) describe it.
    pretrained: whether its weights are loaded. part: where a recipe states it.
    """

    what: str
    part: str
    name: str
    pretrained: bool
    offline: bool
    settings: dict[str, Any] | None

    def library(self) -> Any:
        """The package transformers.

        Raises:
            MissingDependency: it is not installed.
        """
        return transformers_library(f"{self.what} '{self.name or (self.settings or {}).get('model_type')}'")

    def described(self) -> Any:
        """The library's description of the architecture.

        Raises:
            ConfigError: settings that the library does not know.
            MissingDependency: the library is not installed.
            ModelError: a model that is missing and cannot be downloaded.
        """
        auto_config = self.library().AutoConfig
        if self.settings is None:
            return self._locally_or_downloaded(auto_config.from_pretrained, {})
        settings = dict(self.settings)
        try:
            return auto_config.for_model(settings.pop("model_type"), **settings)
        except Exception as error:  # of values that do not fit the library lets anything through
            raise ConfigError(f"{self.part}.settings: {_reason(error)}") from None

    def fitting(self, vocabulary_size: int, dropout: float | None) -> Any:
        """The description for token ids below `vocabulary_size`, with `dropout` of hidden features and none
        in attention, where it cannot be repeated by row.

        Raises:
            ModelError: the model knows fewer tokens; see `described`, too.
        """
        described = self.described()
        if not self.pretrained and "vocab_size" not in (self.settings or {}):
            described.vocab_size = vocabulary_size
        if described.vocab_size < vocabulary_size:
            raise ModelError(
                f"{self.name or f'{self.part}.settings'}: knows {described.vocab_size} tokens, but the "
                f"tokenizer has {vocabulary_size}: use the model's own tokenizer, or pretrained: false"
            )
        for key in _ATTENTION_DROPOUT:
            if hasattr(described, key):
                setattr(described, key, 0.0)
        for key in _HIDDEN_DROPOUT:
            if dropout is not None and hasattr(described, key):
                setattr(described, key, dropout)
        return described

    def with_weights(self, library: Any, described: Any, unused: Sequence[str] = ()) -> Any:
        """The model of a class of the `library`; parts with any of the words `unused` in their names may lack
        weights.

        Raises:
            ModelError: weights that are missing, of another shape, or cannot be downloaded.
        """
        # Tensors of another shape are listed in `loaded`; if the library refused them, only its log would.
        options = {"config": described, "output_loading_info": True, "dtype": torch.float32}
        options["ignore_mismatched_sizes"] = True
        model, loaded = self._locally_or_downloaded(library.from_pretrained, options)
        wrong = sorted(one for one in loaded["mismatched_keys"] if not _names_any(unused, one[0]))
        if wrong:
            key, found, needed = wrong[0]
            raise ModelError(
                f"{self.name}: tensor '{key}' is {tuple(found)}, its config.json says {tuple(needed)} "
                f"({len(wrong)} in all): they do not belong together"
            )
        missing = [key for key in loaded["missing_keys"] if not _names_any(unused, key)]
        if missing:
            raise ModelError(f"{self.name}: tensor '{missing[0]}' is missing ({len(missing)} in all)")
        return model

    def without_weights(self, library: Any, described: Any) -> Any:
        """The same with random weights.

        Raises:
            ConfigError: settings that do not fit together.
        """
        try:
            return library.from_config(described, trust_remote_code=False)
        except Exception as error:  # of values that do not fit the library lets anything through
            raise ConfigError(f"{self.what} '{described.model_type}': {_reason(error)}") from None

    def _locally_or_downloaded(self, read: Any, options: dict[str, Any]) -> Any:
        folder = local_path(self.name)
        name, what = str(folder or self.name), f"{self.what} '{self.name}'"
        # Explicitly: without a word on foreign code the library asks for it on standard input.
        options = {**options, "trust_remote_code": False}
        with quietly(self.library()), local_only():
            try:
                return read(name, local_files_only=True, **options)
            except (OSError, ValueError) as error:
                if folder is not None:
                    raise unreadable(what, error, folder) from None
            except Exception as error:  # of files that are damaged the library lets anything through
                raise unreadable(what, error, folder) from None
        before_download(what, offline=self.offline)
        try:
            return read(name, **options)
        except (OSError, ValueError, RuntimeError) as error:
            raise not_here(what, str(error)) from None


def settings_of(model: Any) -> dict[str, Any]:
    """The settings that rebuild a model's architecture."""
    described = model.config
    return described.to_diff_dict() | {
        "model_type": described.model_type,
        "vocab_size": described.vocab_size,
    }


def _names_any(words: Sequence[str], key: str) -> bool:
    return any(word in key for word in words)


def _reason(error: Exception) -> str:
    """One line, with the kind of error where its own words do not say it, as those of a KeyError."""
    words = " ".join(str(error).split())[:300]
    return words if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: {words}"
