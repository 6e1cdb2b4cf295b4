"""Text metrics against sacrebleu, rouge-score, worked cases, and CIDEr stated anew from its definition."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from plainfilm.metrics.reports import bleu, cider, form, meteor, rouge
from plainfilm.metrics.reports.words import words
from plainfilm.seeding import generator

TERMS = "no acute pleural effusion effusions left right base mild edema is seen heart normal size . , 2.5"
RNG = generator("text metrics")


def some_texts(count: int, longest: int = 25) -> list[str]:
    return [" ".join(RNG.choice(TERMS.split(), RNG.integers(1, longest))) for _ in range(count)]


REFERENCES, CANDIDATES = some_texts(40), some_texts(40)
CANDIDATES[3], CANDIDATES[5] = "", "edema"
REFERENCES[4] = CANDIDATES[4] = "no acute pleural effusion is seen, left base normal"


def in_words(texts: list[str]) -> list[list[str]]:
    return [words(text) for text in texts]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("rows", [slice(None), slice(3, 4), slice(4, 5), slice(5, 6)])
def test_corpus_bleu_is_that_of_sacrebleu(size: int, rows: slice) -> None:
    from sacrebleu.metrics import BLEU

    wanted = BLEU(lowercase=True, max_ngram_order=size).corpus_score(CANDIDATES[rows], [REFERENCES[rows]])
    counts = bleu.counts(REFERENCES[rows], CANDIDATES[rows])
    assert bleu.corpus_bleu(counts.sum(axis=0)[: 1 + size]) == pytest.approx(wanted.score / 100)


def test_corpus_bleu_smooths_sizes_without_a_match_as_sacrebleu_does() -> None:
    from sacrebleu.metrics import BLEU

    reference, candidate = "no acute pleural effusion is seen", "effusion acute no seen is left"
    wanted = BLEU(lowercase=True).corpus_score([candidate], [[reference]]).score
    assert wanted > 0
    assert bleu.corpus_bleu(bleu.counts([reference], [candidate])[0]) == pytest.approx(wanted / 100)


def test_bleu_of_no_reference_is_not_computable() -> None:
    assert np.isnan(bleu.corpus_bleu(np.zeros((5, 2))))


def test_sentence_bleu_is_a_value_per_pair() -> None:
    import sacrebleu

    found = bleu.sentence_bleu(REFERENCES, CANDIDATES)
    wanted = [
        sacrebleu.sentence_bleu(one, [reference], lowercase=True).score / 100
        for one, reference in zip(CANDIDATES, REFERENCES, strict=True)
    ]
    assert found == pytest.approx(np.array(wanted))


def test_chinese_has_a_tokenisation_of_its_own() -> None:
    counts = bleu.counts(["左側肋膜積液。"], ["右側肋膜積液。"], "zh")
    assert counts[0, 0].tolist() == [7, 7]
    assert bleu.identity(4, "zh") != bleu.identity(4)


def test_rouge_l_is_that_of_rouge_score() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    wanted = [
        scorer.score(reference, one)["rougeL"].fmeasure
        for reference, one in zip(REFERENCES, CANDIDATES, strict=True)
    ]
    assert rouge.rouge_l(in_words(REFERENCES), in_words(CANDIDATES)) == pytest.approx(np.array(wanted))


def test_meteor_matches_words_and_stems_and_punishes_disorder() -> None:
    def score(candidate: str) -> float:
        return float(meteor.meteor([words("small left effusions are seen")], [words(candidate)])[0])

    # Five matches in one chunk: 1 - 0.5 / 5^3; a stem matches as a word does.
    assert score("small left effusions are seen") == pytest.approx(1 - 0.5 / 125)
    assert score("small left effusion are seen") == pytest.approx(1 - 0.5 / 125)
    # Two chunks of five matches: 1 - 0.5 (2/5)^3.
    assert score("are seen small left effusions") == pytest.approx(1 - 0.5 * (2 / 5) ** 3)
    # Two of two words, two of five in the reference: F = 10 P R / (R + 9 P).
    assert score("small left") == pytest.approx((1 - 0.5 / 8) * 10 * 0.4 / (0.4 + 9))
    assert score("large right") == score("") == 0


def stated_cider(references, candidates, deform: bool) -> list[float]:
    """CIDEr or CIDEr-D from the formulas of the paper, with dense vectors over all n-grams."""
    scores = np.zeros(len(candidates))
    for n in (1, 2, 3, 4):
        cut = [[tuple(text[i : i + n]) for i in range(len(text) - n + 1)] for text in references + candidates]
        axis = sorted({gram for text in cut for gram in text})
        place = {gram: column for column, gram in enumerate(axis)}
        table = np.zeros((len(cut), len(axis)))
        for row, text in enumerate(cut):
            for gram, count in Counter(text).items():
                table[row, place[gram]] = count
        frequency = (table[: len(references)] > 0).sum(axis=0)
        table *= np.log(len(references) / np.maximum(frequency, 1))
        for row in range(len(candidates)):
            r, c = table[row], table[len(references) + row]
            top = np.minimum(c, r) @ r if deform else c @ r
            bottom = np.linalg.norm(c) * np.linalg.norm(r)
            scores[row] += top / bottom / 4 if bottom else 0.0
    if not deform:
        return scores.tolist()
    apart = [len(one) - len(other) for one, other in zip(references, candidates, strict=True)]
    return [10 * score * math.exp(-(gap**2) / (2 * 6**2)) for score, gap in zip(scores, apart, strict=True)]


def test_cider_is_its_definition() -> None:
    references, candidates = (cider.stemmed(in_words(texts)) for texts in (REFERENCES, CANDIDATES))
    found = cider.cider(references, candidates)
    assert found == pytest.approx(np.array(stated_cider(references, candidates, deform=False)))
    assert found[4] == pytest.approx(1)


def test_cider_d_is_its_definition() -> None:
    references, candidates = in_words(REFERENCES), in_words(CANDIDATES)
    wanted = stated_cider(references, candidates, deform=True)
    assert cider.cider_d(references, candidates) == pytest.approx(np.array(wanted))


def test_cider_takes_the_weights_of_another_set_of_references() -> None:
    references, candidates = in_words(REFERENCES), in_words(CANDIDATES)
    known = cider.document_frequencies(references)
    part = cider.cider_d(references[:5], candidates[:5], known)
    assert part == pytest.approx(cider.cider_d(references, candidates)[:5])
    assert cider.cider_d(references[4:5], candidates[4:5]).tolist() == [0.0]


def test_repetition_within_a_report_is_counted_beyond_the_first_time() -> None:
    texts = in_words(["no edema seen. no edema seen. no edema seen.", "no edema", ""])
    assert form.repeated_ngrams(texts).tolist() == [[4, 7], [0, 0], [0, 0]]


def test_identical_reports_and_distinct_sentences() -> None:
    texts = in_words(["No edema.", "no  edema", "Edema.", ""])
    assert form.is_repeated(texts).tolist() == [1, 1, 0, 0]
    assert form.lengths(texts).tolist() == [2, 2, 1, 0]
    sums = form.distinct_sentences([[["a"], ["b"]], [["a"]], []]).sum(axis=0)
    assert sums.tolist() == [2, 3]


def test_identities_differ_and_name_tokenisation() -> None:
    stated = [
        *(bleu.identity(size) for size in (1, 2, 3, 4)),
        *(rouge.IDENTITY, meteor.identity(), cider.IDENTITY, cider.IDENTITY_D, form.IDENTITY),
    ]
    assert len(set(stated)) == len(stated)
    assert all("tokenisation:" in one for one in stated)
