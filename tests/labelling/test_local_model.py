"""A model is asked through a real HTTP server whose answers are the test's."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from plainfilm.errors import ModelError, UsageError
from plainfilm.labelling.local_model import LocalModel, load_labeller
from plainfilm.labelling.reports import read_report
from plainfilm.labelling.table import STATUS, label_csv
from plainfilm.types import State

Answer = Callable[[str], tuple[int, str]]


@contextmanager
def served(answer: Answer, asked: list[dict[str, Any]] | None = None) -> Iterator[LocalModel]:
    """A model that gives a status and the body that `answer` makes of the sentence."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if asked is not None:
                asked.append({"path": self.path, **request})
            status, body = answer(request["messages"][-1]["content"])
            self.send_response(status)
            if status == 307:
                self.send_header("Location", body)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield LocalModel(f"http://127.0.0.1:{server.server_port}/v1", "toy")
        finally:
            server.shutdown()


def completion(content: str) -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]})


def saying(*labels: tuple[str, str, str]) -> Answer:
    names = ("observation", "state", "evidence")
    content = json.dumps({"labels": [dict(zip(names, label, strict=True)) for label in labels]})
    return lambda _: (200, completion(content))


def test_labels_have_the_place_of_their_evidence() -> None:
    asked: list[dict[str, Any]] = []
    with served(
        saying(("Edema", "positive", "mild EDEMA"), ("Pneumothorax", "negative", "No  ptx")), asked
    ) as model:
        labels = load_labeller("chexpert", model=model).label_sentence("No ptx, mild edema.")
    found = [(label.observation, label.state, label.start, label.end) for label in labels]
    assert found == [("Edema", State.POSITIVE, 8, 18), ("Pneumothorax", State.NEGATIVE, 0, 6)]
    assert {label.origin for label in labels} == {"toy-chexpert-" + labels[0].origin.rpartition("-")[2]}
    assert (asked[0]["path"], asked[0]["model"], asked[0]["temperature"]) == (
        "/v1/chat/completions",
        "toy",
        0,
    )


@pytest.mark.parametrize(
    "label",
    [
        ("Fracture", "positive", "rib fracture"),  # not in the sentence
        ("Edema", "positive", "dema"),  # no word of it
        ("Edema", "positive", ""),
        ("Edema", "positive", "."),
        ("Gout", "positive", "edema"),
        ("Edema", "maybe", "edema"),
    ],
)
def test_what_is_not_proved_does_not_count(label: tuple[str, str, str]) -> None:
    with served(saying(label)) as model:
        assert load_labeller("chexpert", model=model).label_sentence("Mild edema.") == []


@pytest.mark.parametrize("content", ["I cannot help with that.", '{"labels": 3}', '{"labels": [', "[]", "{}"])
def test_an_answer_of_another_form_is_not_readable(content: str) -> None:
    with served(lambda _: (200, completion(content))) as model:
        labeller = load_labeller("chexpert", model=model)
        assert not labeller.read_sentence("Clear lungs.").readable
        assert read_report(["Clear lungs."], labeller).states == {}


def test_normal_is_not_said_beside_a_finding() -> None:
    with served(saying(("No Finding", "positive", "normal"), ("Edema", "uncertain", "edema"))) as model:
        labels = load_labeller("chexpert", model=model).label_sentence("Otherwise normal, perhaps edema.")
    assert [label.observation for label in labels] == ["Edema"]


def test_a_sentence_is_asked_once_and_every_digit_is_sent() -> None:
    asked: list[dict[str, Any]] = []
    with served(saying(), asked) as model:
        labeller = load_labeller("chexpert", model=model)
        for _ in range(2):
            labeller.label_sentence("Nodule of 7 mm.")
    assert [request["messages"][-1]["content"] for request in asked] == ["Nodule of 7 mm."]


def test_a_file_of_reports(tmp_path: Path) -> None:
    path, out = tmp_path / "reports.csv", tmp_path / "labels.csv"
    path.write_text("report\nPas de pneumothorax.\n", encoding="utf-8")
    with served(saying(("Pneumothorax", "negative", "Pas de pneumothorax"))) as model:
        label_csv(path, out, ["report"], model=model, workers=1)
    with out.open(encoding="utf-8", newline="") as opened:
        row = next(csv.DictReader(opened))
    assert (row[STATUS], row["Pneumothorax"], row["Edema"]) == ("labelled", "0", "")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: (404, "no such model"), "answers 404 (no such model)"),
        (lambda _: (307, "http://127.0.0.1:9/elsewhere"), "answers 307"),
        (lambda _: (200, "<html>"), "no chat completion"),
    ],
)
def test_a_server_that_refuses_is_named(answer: Answer, said: str) -> None:
    with served(answer) as model, pytest.raises(ModelError) as raised:
        load_labeller("chexpert", model=model).label_sentence("Edema.")
    assert said in str(raised.value)
    assert model.address in str(raised.value)


def test_no_server_is_named() -> None:
    with served(saying()) as model:
        pass
    with pytest.raises(ModelError, match="is the model running"):
        load_labeller("chexpert", model=model).label_sentence("Edema.")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://8.8.8.8/v1", "outside this network"),
        ("https://[2001:4860:4860::8888]/v1", "outside this network"),
        ("localhost:8000", "no address"),
        ("file:///etc", "no address"),
    ],
)
def test_reports_stay_inside_the_network(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_labeller("chexpert", model=LocalModel(address, "toy"))
