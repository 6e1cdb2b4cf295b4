"""What a region model is asked about phantom films: findings, phrases, either side, and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.prompted_boxes import (
    MOST_DENIALS,
    NO_BOXES,
    PromptedBoxesReader,
    of_sides,
    prompt_of,
)
from plainfilm.batches.region_texts import RegionTexts
from plainfilm.batches.rows import build_rows
from plainfilm.batches.targets.base import TargetSource, target
from plainfilm.batches.targets.region_sentences import RegionSentenceReader
from plainfilm.collection import Collection, prepare
from plainfilm.collection.label import label_collection
from plainfilm.collection.sentence_labels import StatedSentences
from plainfilm.config import build
from plainfilm.errors import ConfigError
from plainfilm.labelling import Labeller
from plainfilm.phantom import write
from plainfilm.seeding import generator
from plainfilm.text.laterality import mirrored, sides_of
from plainfilm.types import State

ANY = (frozenset({"text", "labels"}),)


class _Letters:
    """A tokenizer of one token for each text."""

    max_tokens = 1

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See `Encodes`."""
        return np.ones((len(texts), 1), dtype=np.int64), np.ones((len(texts), 1), dtype=bool)


@pytest.fixture(scope="module")
def ms_cxr(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    root = tmp_path_factory.mktemp("asked")
    write("ms_cxr", root / "raw", studies=40, size=48, workers=1)
    collection = prepare("ms_cxr", root / "raw", root / "made", size=32, workers=1)
    label_collection(collection, workers=1)
    return Collection.open(root / "made")


def source_of(collection: Collection, **changes: object) -> TargetSource:
    config = build(DataConfig, {"text": "findings_impression", **changes}, "data")
    rows = build_rows([collection], "train", config, ANY)
    tokenizers = dict.fromkeys(("text", "sentence"), None)
    return TargetSource(rows, [collection], config, tokenizers, rows.observations)


def asked(source: TargetSource, name: str) -> Iterator[list[tuple[str, object]]]:
    """What a target asks of each film in evaluation."""
    reader = target(name).open_target(source)
    for item in range(len(source.rows)):
        found = reader.read(item, None)
        yield found if isinstance(found, list) else next(iter(found.values()))


def denials_of(source: TargetSource) -> set[str]:
    """All sentences of reports that deny."""
    stated = StatedSentences(source.collections[0])
    items = range(len(source.rows))
    return {text for item in items for text in stated.denying(source.rows.sentences_of(item))}


def test_a_phrase_of_one_side_is_asked_with_the_other_and_nothing_is_there(ms_cxr: Collection) -> None:
    true = set(ms_cxr.frame("boxes")["phrase"])
    source = source_of(ms_cxr)
    others = [
        (text, {phrase for phrase, _ in own})
        for own in asked(source, "phrase_boxes")
        for text, boxes in own
        if boxes is not None and not len(boxes) and text not in denials_of(source)
    ]
    assert len(others) > 3
    for text, on_film in others:
        assert len(sides_of(text)) == 1
        assert mirrored(text) in on_film
    assert sum(mirrored(text) in true for text, _ in others) > 3


def test_classes_of_phrases_are_findings_with_their_boxes(ms_cxr: Collection) -> None:
    found = [dict(own) for own in asked(source_of(ms_cxr), "finding_boxes")]
    boxed = {text for own in found for text, boxes in own.items() if boxes is None or len(boxes)}
    assert {"Pleural effusion", "Cardiomegaly"} <= boxed
    denied = {text for own in found for text in own if text.startswith("No ")}
    assert not denied & boxed


def test_every_known_finding_has_an_area_or_none(ms_cxr: Collection) -> None:
    source = source_of(ms_cxr)
    column = source.rows.observations.index("Pleural Effusion")
    drawn = [dict(own) for own in asked(source, "finding_boxes")]
    for item, own in enumerate(asked(source, "finding_areas")):
        areas, state = dict(own), source.rows.states[item][column]
        if state == State.POSITIVE:
            assert len(areas["Pleural effusion"])
        elif state == State.NEGATIVE:
            assert not len(areas.get("Pleural effusion", ()))
        assert not any(text.startswith("No ") for text in areas)
        for text, boxes in drawn[item].items():
            if boxes is not None and len(boxes):
                np.testing.assert_array_equal(areas[text], boxes)


def test_a_finding_is_told_by_the_sentence_that_states_it(ms_cxr: Collection) -> None:
    labeller, told = Labeller.load(details=False), 0
    for own in asked(source_of(ms_cxr), "finding_sentences"):
        for name, sentence in own:
            stated = {label.observation.lower(): label.state for label in labeller.label_sentence(sentence)}
            assert name.lower() in stated
            told += stated[name.lower()] is State.POSITIVE
    assert told > 10


def test_how_much_is_asked_is_set_by_target(ms_cxr: Collection) -> None:
    source = source_of(ms_cxr, most_prompts={"finding_boxes": 2, "finding_sentences": 1})
    limits = {"finding_boxes": 2, "finding_sentences": 1, "phrase_boxes": 10}
    for name, most in limits.items():
        reader = target(name).open_target(source)
        drawn = [reader.read(item, generator(item)) for item in range(len(source.rows))]
        sizes = [len(own if isinstance(own, list) else next(iter(own.values()))) for own in drawn]
        assert max(sizes) <= most, name
    assert max(len(own) for own in asked(source, "finding_boxes")) > 2
    with pytest.raises(ConfigError, match="no target 'finding_box': did you mean 'finding_boxes'"):
        source_of(ms_cxr, most_prompts={"finding_box": 2})


def test_a_finding_that_nobody_drew_is_there_and_nobody_says_where(ms_cxr: Collection) -> None:
    source = source_of(ms_cxr)
    names = [prompt_of(name) for name in source.rows.observations]
    unplaced = 0
    for item, own in enumerate(asked(source, "finding_boxes")):
        states = dict(zip(names, source.rows.states[item].tolist(), strict=True))
        for text, boxes in own:
            if boxes is None and text in names:
                assert states[text] == State.POSITIVE
                unplaced += 1
    assert unplaced > 3


def test_sentences_that_deny_are_asked_and_few_of_them_are_drawn(ms_cxr: Collection) -> None:
    labeller, source = Labeller.load(details=False), source_of(ms_cxr)
    reader = target("phrase_boxes").open_target(source)
    denials = denials_of(source)
    every = [text for own in asked(source, "phrase_boxes") for text, boxes in own if text in denials]
    assert len(every) > 20
    for text in set(every):
        states = {label.state for label in labeller.label_sentence(text) if label.observation != "No Finding"}
        assert states == {State.NEGATIVE}, text
    for item in range(len(source.rows)):
        [drawn] = reader.read(item, generator(item)).values()
        assert sum(text in denials for text, _ in drawn) <= MOST_DENIALS


def test_sentences_that_affirm_are_true_of_the_film_and_one_side_excludes_the_other(
    ms_cxr: Collection,
) -> None:
    labeller, source, sided = Labeller.load(details=False), source_of(ms_cxr), 0
    sentences = ms_cxr.table("sentences")["text"].to_pylist()
    for item, own in enumerate(asked(source, "phrase_boxes")):
        report = [sentences[row] for row in source.rows.sentences_of(item)]
        affirmed = {text: _affirmed(labeller, text) for text in report}
        absent = {text for text, boxes in own if boxes is not None and not len(boxes)}
        for text in [text for text, boxes in own if boxes is None]:
            assert affirmed[text], text
            same = [other for other in report if affirmed[other] & affirmed[text]]
            alone = all(sides_of(other) == sides_of(text) for other in same)
            if len(sides_of(text)) == 1 and alone:
                assert mirrored(text) in absent
                sided += 1
            elif mirrored(text) != text:
                assert mirrored(text) not in absent
    assert sided > 5


def _affirmed(labeller: Labeller, text: str) -> set[str]:
    labels = labeller.label_sentence(text)
    return {
        one.observation for one in labels if one.state is State.POSITIVE and one.observation != "No Finding"
    }


def test_what_lies_on_one_side_is_drawn_with_the_other_side(ms_cxr: Collection) -> None:
    source, pairs = source_of(ms_cxr), 0
    for name in ("phrase_boxes", "finding_boxes"):
        reader = target(name).open_target(source)
        for item, every in enumerate(asked(source, name)):
            absent = {text for text, boxes in every if boxes is not None and not len(boxes)}
            [drawn] = reader.read(item, generator(item)).values()
            texts = {text for text, _ in drawn}
            for text, boxes in drawn:
                if (boxes is None or len(boxes)) and mirrored(text) != text and mirrored(text) in absent:
                    assert mirrored(text) in texts
                    pairs += 1
    assert pairs > 10


def test_a_prompt_knows_its_opposite() -> None:
    box = np.array([[0.0, 0.0, 9.0, 9.0]])
    reader = PromptedBoxesReader(lambda *_: [], np.zeros(0), lambda _: np.zeros(0), _Letters(), 9)
    first = [("Left effusion", box), ("Mass", box), ("Right effusion", NO_BOXES), ("No mass", NO_BOXES)]
    second = [("Right hernia", NO_BOXES), ("Left hernia", None), ("Left rib", box), ("Right rib", box)]
    found = reader.collate([first, [], second])
    assert found.opposite.tolist() == [2, -1, -1, -1, -1, 0, -1, -1]
    assert found.unplaced.tolist() == [False] * 5 + [True, False, False]
    assert found.there.sum(dim=1).tolist() == [1, 1, 0, 0, 0, 0, 1, 1]


def test_a_box_of_a_finding_is_a_region_with_that_finding(ms_cxr: Collection) -> None:
    source = source_of(ms_cxr, finding_regions=True)
    names, regions = [prompt_of(name) for name in source.rows.observations], 0
    boxed = [dict(own) for own in asked(source, "finding_boxes")]
    assert not any(asked(source_of(ms_cxr), "region_findings"))
    for item, own in enumerate(asked(source, "region_findings")):
        states = dict(zip(names, source.rows.states[item].tolist(), strict=True))
        for region in own:
            assert region.by_box
            assert region.box.tolist() in boxed[item][region.prompt].tolist()
            for name, state in region.findings.items():
                assert state == (State.POSITIVE if name == region.prompt else states[name])
            regions += 1
    assert regions > 10


def test_regions_with_a_finding_come_first_up_to_their_share() -> None:
    config = build(DataConfig, {"abnormal_regions": 0.5}, "data")
    rows = SimpleNamespace(source=[0], images_of=lambda item: [0])
    reader = RegionSentenceReader(TargetSource(rows, (), config), 4)
    box, said = np.array([0.0, 0, 9, 9]), ("Something.",)
    normal = [RegionTexts(f"Normal {place}", box, sentences=said) for place in range(9)]
    abnormal = [
        RegionTexts(f"Abnormal {place}", box, sentences=said, findings={"Mass": State.POSITIVE})
        for place in range(3)
    ]
    reader.regions = [{0: [*normal, *abnormal]}]
    for seed in range(20):
        drawn = reader.read(0, generator(seed))[0]
        assert len(drawn) == 4
        assert sum(region.is_abnormal for region in drawn) >= 2


def test_either_side_is_asked_where_no_box_lies_near_the_middle() -> None:
    left_of_patient, middle = np.array([[70.0, 0, 90, 10]]), np.array([[45.0, 0, 57, 10]])
    found = of_sides({"Effusion": left_of_patient, "Mass": middle}, 100)
    assert [(text, len(boxes)) for text, boxes in found] == [("Left effusion", 1), ("Right effusion", 0)]
