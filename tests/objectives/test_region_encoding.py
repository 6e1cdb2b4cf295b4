"""What objectives of region models share: prompts of some films, and texts that are encoded once."""

from __future__ import annotations

from unittest.mock import patch

import torch

from plainfilm.objectives.base import Encoded
from plainfilm.objectives.regions.encoding import detected, texts
from tests.toys import toy_batch_for, toy_model_for


@torch.no_grad()
def test_a_film_without_prompts_changes_no_answer() -> None:
    model, batch = toy_model_for("finding_detection").eval(), toy_batch_for("finding_detection", 5)
    asked = batch.targets["finding_boxes"]
    vectors = texts(Encoded(model, batch), asked.token_ids, asked.token_mask, "prompt_vectors")
    assert 0 in asked.of.counts.tolist()
    found = detected(Encoded(model, batch), asked.of, vectors)
    prompts, mask = asked.of.padded(vectors)
    boxes, logits, refined = model.prompt_answers(model.shown(Encoded(model, batch).films(1)), prompts)
    for own, expected in zip(found, (boxes.boxes[mask], logits[mask], refined[mask]), strict=True):
        torch.testing.assert_close(own, expected)


@torch.no_grad()
def test_each_distinct_text_is_encoded_once_for_all_that_ask_it() -> None:
    model, batch = toy_model_for("finding_detection").eval(), toy_batch_for("finding_detection", 5)
    ids = torch.tensor([[5, 6, 0], [7, 8, 9], [5, 6, 0], [9, 0, 0]])
    encoded = Encoded(model, batch)
    with patch.object(
        type(model), "text_vectors", autospec=True, side_effect=type(model).text_vectors
    ) as asked:
        first = texts(encoded, ids[:3], ids[:3] > 0)
        second = texts(encoded, ids[2:, :2], ids[2:, :2] > 0, "prompt_vectors")
    assert [len(call.args[1]) for call in asked.call_args_list] == [2, 1]
    torch.testing.assert_close(first, model.encode_texts(ids[:3], ids[:3] > 0))
    torch.testing.assert_close(second, model.prompt_vectors(ids[2:], ids[2:] > 0))
