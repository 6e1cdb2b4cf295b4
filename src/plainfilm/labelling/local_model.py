"""Labels sentences by asking a language model that runs on this network, behind the contract of `Labeller`.

It is off unless an address is given. The address is one that speaks OpenAI's chat completions, as llama.cpp,
vLLM and Ollama do. A label counts only where the model quotes words that the sentence has; an answer that is
no JSON of the asked form makes its sentence "not readable", never "No Finding".
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit

from plainfilm.errors import ModelError, UsageError
from plainfilm.labelling import aggregate as aggregation
from plainfilm.labelling.labeller import NOT_READABLE, NOTHING, Labeller, Reading
from plainfilm.labelling.vocabularies import Vocabulary, load_vocabulary
from plainfilm.types import Label, State

_SECONDS = 120
_MOST_BYTES = 1_000_000
_SHOWN = 120
_STATES = {"positive": State.POSITIVE, "negative": State.NEGATIVE, "uncertain": State.UNCERTAIN}
_TASK = """You label one sentence of a chest radiograph report. The observations are: {observations}.
For every observation that the sentence speaks of, give its state in the film at hand: "positive" (there),
"negative" (denied, or gone), "uncertain" (suspected, or not excluded). Leave out what the sentence does not
speak of, what is only asked for or supposed, and what is history. "No Finding" is positive where the sentence
calls the whole film normal. "evidence" is copied from the sentence, word for word.
Answer with JSON only: {{"labels": [{{"observation": "...", "state": "...", "evidence": "..."}}]}}"""


class LocalModel(NamedTuple):
    """`address` is the base of an API, such as http://localhost:8000/v1; `name` is the model's name there."""

    address: str
    name: str


class ModelLabeller(Labeller):
    """Labels sentences with what a local model says of them.

    Raises:
        UsageError: the address is no HTTP address, or none of this network.
        ModelError (while labelling): the address does not answer, or refuses.
    """

    def __init__(self, vocabulary: Vocabulary, model: LocalModel) -> None:
        super().__init__(vocabulary, details=False)
        self.origin = f"{model.name}-{vocabulary.name}-{vocabulary.version}"
        self._ignores_digits = False
        self._model = model
        self._task = _TASK.format(observations=", ".join(self.observations))
        # Neither a proxy nor a redirection takes a report elsewhere.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirection())
        _require_local(model.address)

    def _label(self, text: str) -> Reading:
        if not any(map(str.isalpha, text)):
            return NOTHING
        answered = _entries(self._answer(text))
        if answered is None:
            return NOT_READABLE
        return Reading(tuple(self._consistent(self._evident(answered, text))), readable=True)

    def _evident(self, entries: list[Any], text: str) -> list[Label]:
        """One label per observation, of the entries that are proved by words of the sentence."""
        said: dict[str, list[Label]] = {}
        for entry in entries:
            label = self._proved(entry, text) if isinstance(entry, dict) else None
            if label is not None:
                said.setdefault(label.observation, []).append(label)
        labels = []
        for found in said.values():
            state = aggregation.combine((label.state for label in found), self._settings)
            labels.append(next(label for label in found if label.state == state))
        return labels

    def _proved(self, entry: dict[str, Any], text: str) -> Label | None:
        observation, state = entry.get("observation"), _STATES.get(str(entry.get("state")).lower())
        place = _place_of(entry.get("evidence"), text)
        if observation not in self._order or state is None or place is None:
            return None
        return Label(str(observation), state, self.origin, *place, rule=f"model: {self._model.name}")

    def _answer(self, text: str) -> str:
        """What the model answers to a sentence."""
        asked = {
            "model": self._model.name,
            "temperature": 0,
            "seed": 0,
            "response_format": {"type": "json_object"},
            "messages": [{"role": "system", "content": self._task}, {"role": "user", "content": text}],
        }
        request = urllib.request.Request(
            f"{self._model.address.rstrip('/')}/chat/completions",
            json.dumps(asked).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                answer = response.read(_MOST_BYTES)
        except HTTPError as error:
            with error:
                said = error.read(_SHOWN).decode(errors="replace").replace("\n", " ")
            raise ModelError(f"{request.full_url}: answers {error.code} ({said or error.reason})") from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ModelError(
                f"{request.full_url}: does not answer ({reason}); is the model running?"
            ) from None
        try:
            return str(json.loads(answer)["choices"][0]["message"]["content"])
        except (ValueError, KeyError, IndexError, TypeError):
            raise ModelError(
                f"{request.full_url}: its answer is no chat completion of OpenAI's form"
            ) from None


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Makes a redirection an error."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def load_labeller(vocabulary: str, *, details: bool = True, model: LocalModel | None = None) -> Labeller:
    """The labeller by rules for a vocabulary, or the one that asks `model`.

    Raises:
        ConfigError: no such vocabulary.
        UsageError: the address of `model` is none of this network.
    """
    if model is None:
        return Labeller.load(vocabulary, details=details)
    return ModelLabeller(load_vocabulary(vocabulary), model)


def _require_local(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"'{address}' is no address of a model; one is http://localhost:8000/v1")
    try:
        found = {ipaddress.ip_address(place[4][0]) for place in socket.getaddrinfo(parts.hostname, None)}
    except OSError as error:
        raise UsageError(f"{address}: no host of this name ({error.strerror or error})") from None
    if not all(place.is_private for place in found):
        raise UsageError(f"{address}: is outside this network; reports are sent to a model inside it only")


def _entries(answer: str) -> list[Any] | None:
    """The labels of an answer; None where it is not of the asked form."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        labels = json.loads(answer[start : end + 1])["labels"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return labels if isinstance(labels, list) else None


def _place_of(evidence: Any, text: str) -> tuple[int, int] | None:
    """Where the words of `evidence` stand in `text`, whatever their case and the white space between them."""
    words = evidence.split() if isinstance(evidence, str) else []
    if not any(map(str.isalpha, "".join(words))):
        return None
    written = r"\s+".join(map(re.escape, words))
    found = re.search(rf"(?<!\w){written}(?!\w)", text, re.IGNORECASE)
    return found.span() if found else None
