"""Checkpoints of REFERS and its relatives: the numbers of a plain NumPy statement, every tensor used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from plainfilm.batches.batch import Batch, Films
from plainfilm.batches.collate import keys_of
from plainfilm.batches.targets.report import ReportTarget
from plainfilm.batches.texts import TextTarget
from plainfilm.checkpoints import import_checkpoint
from plainfilm.checkpoints.reading.virtex import decoder_config
from plainfilm.checkpoints.reading.vit import POSITIONS, vit_image, with_positions_for
from plainfilm.errors import ModelError, UsageError
from plainfilm.model_folder import LoadedModel, load_model
from plainfilm.nn.ragged import Ragged
from plainfilm.objectives import captioning, study_report
from plainfilm.objectives.base import Encoded, ObjectiveSum
from plainfilm.predictor import load
from plainfilm.seeding import generator
from plainfilm.text.tokenizers import Tokenizer
from plainfilm.training.recipe import load_recipe
from plainfilm.training.step import measure_step
from tests.checkpoints import published_refers as published
from tests.checkpoints.published import SPECIAL, WORDS, vocabulary_folder

spm = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

STUDIES, SIDE = 3, published.PATCH * published.GRID
TEXT_ROWS = len(SPECIAL + WORDS)
LINES = (
    "no acute process in the lung",
    "left effusion is large",
    "right lower lobe opacity",
    "heart is normal",
)
SMALL_VIT = {"embed_dim": published.WIDTH, "depth": published.DEPTH, "num_heads": 2, "mlp_ratio": 2.0}
PUBLISHED_LOSSES = [
    captioning.Config(),
    study_report.Config(
        weight_of_studies=0.75, text_gradient=False, same_study_negatives=True, same_text_negatives=True
    ),
]


@dataclass(frozen=True)
class World:
    """A folder with a vocabulary of reports and of the text encoder; `pieces` are those of reports."""

    folder: Path
    pieces: int

    def options(self, **more: Any) -> dict[str, Any]:
        """What says where the vocabularies lie."""
        given = {
            "tokenizer": str(self.folder / "words"),
            "report_tokenizer": str(self.folder / "mimic.model"),
        }
        return given | more

    def saved(self, tensors: published.Tensors, path: Path, **entries: Any) -> Path:
        """A checkpoint file."""
        return published.save(tensors, path, **entries)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("vocabularies")
    vocabulary_folder(folder / "words")
    (folder / "texts").write_text("\n".join(LINES * 20))
    spm.SentencePieceTrainer.train(
        input=str(folder / "texts"),
        model_prefix=str(folder / "mimic"),
        model_type="bpe",
        vocab_size=60,
        bos_id=-1,
        eos_id=-1,
        control_symbols="[SOS],[EOS],[MASK]",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return World(folder, len(spm.SentencePieceProcessor(model_file=str(folder / "mimic.model"))))


@pytest.fixture(scope="module")
def tensors(world: World) -> published.Tensors:
    return published.pretrained(TEXT_ROWS, world.pieces)


@pytest.fixture(scope="module")
def checkpoint(world: World, tensors: published.Tensors) -> Path:
    return world.saved(tensors, world.folder / "checkpoint_100.pth")


@pytest.fixture(scope="module")
def imported(world: World, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    out = tmp_path_factory.mktemp("imported") / "model"
    import_checkpoint("refers", checkpoint, out, world.options())
    return load_model(out)


def films(count: int = 3 * STUDIES, side: int = SIDE) -> np.ndarray:
    """Normalised films (N, 3, H, W)."""
    return generator("refers films").normal(0, 1, (count, 3, side, side)).astype(np.float32).astype(float)


def texts(rows: int, name: str, lengths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and mask of texts between a start (1) and an end (2), with an unknown word (0) in each."""
    rng = generator(name)
    ids = np.zeros((len(lengths), max(lengths)), dtype=np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(4, rows, length)
        ids[row, 0], ids[row, length - 1], ids[row, length // 2] = 1, 2, 0
    return ids, np.arange(max(lengths)) < np.array(lengths)[:, None]


def batch(world: World) -> Batch:
    pixels = torch.from_numpy(films().astype(np.float32))
    ids, mask = (torch.from_numpy(one) for one in texts(world.pieces, "reports", (9, 12, 6)))
    read, read_mask = (torch.from_numpy(one)[:, None] for one in texts(TEXT_ROWS, "texts", (8, 5, 11)))
    whole, keys = torch.ones(STUDIES, dtype=torch.bool), torch.arange(STUDIES)
    targets = {
        "report": ReportTarget(whole, ids, mask, whole),
        "text": TextTarget(whole, read, read_mask, keys[:, None], keys),
    }
    of = Ragged.even(STUDIES, 3)
    shown = Films(pixels, of, torch.zeros(of.entries, dtype=torch.int64))
    return Batch(shown, keys_of(keys, targets), keys, targets)


def published_features(tensors: published.Tensors) -> tuple[np.ndarray, ...]:
    """Gates, memory and class tokens of the studies of `films()`, three films each."""
    tokens = published.vit(tensors, films())
    return published.fused(tensors, [tokens[place::3] for place in range(3)])


def test_films_have_the_published_features(imported: LoadedModel, tensors: published.Tensors) -> None:
    features = imported.model.film_features(torch.from_numpy(films().astype(np.float32)))
    expected = published.vit(tensors, films())
    np.testing.assert_allclose(features.pooled.detach(), expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(features.patches.detach(), expected[:, 1:], atol=1e-5)


def test_studies_have_the_published_gates_and_memory(
    imported: LoadedModel, tensors: published.Tensors, world: World
) -> None:
    fused = Encoded(imported.model, batch(world)).studies()
    gates, memory, beside = published_features(tensors)
    np.testing.assert_allclose(fused.memory.detach(), memory, atol=1e-5)
    np.testing.assert_allclose(fused.pooled.detach(), beside, atol=1e-5)
    assert bool(fused.mask.all())
    assert np.ptp(gates) > 0.05  # else a gate that is always the same would do


def test_texts_have_the_published_vectors(
    imported: LoadedModel, tensors: published.Tensors, world: World
) -> None:
    vectors = Encoded(imported.model, batch(world)).text_vectors()[:, 0]
    expected = published.bert(tensors, *texts(TEXT_ROWS, "texts", (8, 5, 11)))
    expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors.detach(), expected, atol=1e-5)


def test_the_decoder_gives_the_published_logits(
    imported: LoadedModel, tensors: published.Tensors, world: World
) -> None:
    ids, mask = texts(world.pieces, "reports", (9, 12, 6))
    study = Encoded(imported.model, batch(world)).studies()
    logits = imported.model.report_logits(study, torch.from_numpy(ids), torch.from_numpy(mask))
    expected = published.decoded(tensors, published_features(tensors)[1], ids)
    np.testing.assert_allclose(logits.detach(), expected[mask], atol=1e-5)


def test_both_losses_are_the_published_ones(
    imported: LoadedModel, tensors: published.Tensors, world: World
) -> None:
    modules, names = (captioning, study_report), ("captioning", "study_report")
    built = [
        module.build(config, imported.model) for module, config in zip(modules, PUBLISHED_LOSSES, strict=True)
    ]
    total = ObjectiveSum(dict(zip(names, built, strict=True)), dict.fromkeys(names, 1.0))
    total.needs = tuple(module.NEEDS for module in modules)
    measured = measure_step(imported.model, total, batch(world))
    _, memory, beside = published_features(tensors)
    ids, _ = texts(world.pieces, "reports", (9, 12, 6))
    writing = published.writing_loss(published.decoded(tensors, memory, ids), ids)
    contrast = published.contrast(beside, published.bert(tensors, *texts(TEXT_ROWS, "texts", (8, 5, 11))))
    found = measured.report(total)
    assert float(found.parts["captioning/loss"]) == pytest.approx(writing, abs=1e-5)
    assert float(found.parts["study_report/loss"]) == pytest.approx(contrast, abs=1e-5)
    assert float(found.total) == pytest.approx(writing + contrast, abs=1e-5)


def test_every_tensor_is_used(world: World, checkpoint: Path, tmp_path: Path) -> None:
    found = import_checkpoint("refers", checkpoint, tmp_path / "model", world.options())
    assert found.dropped == (f"{published.BERT}embeddings.position_ids",)


def test_the_folder_says_where_the_model_comes_from(
    imported: LoadedModel, checkpoint: Path, world: World
) -> None:
    said = imported.config.recipe["imported"]
    assert (said["family"], said["file"], said["iteration"]) == ("refers", "checkpoint_100.pth", 100)
    assert said["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    preprocessing = imported.config.preprocessing
    assert (preprocessing.size, preprocessing.fit, preprocessing.library) == (SIDE, "squash", "opencv")


def test_reports_are_read_with_the_published_vocabulary(imported: LoadedModel, world: World) -> None:
    pieces = spm.SentencePieceProcessor(model_file=str(world.folder / "mimic.model"))
    ids, _ = imported.tokenizers["report"].encode(["Left EFFUSION is large"])
    assert ids[0].tolist() == [1, *pieces.encode("left effusion is large"), 2]
    assert (imported.tokenizers["report"].pad_id, imported.tokenizers["report"].max_tokens) == (0, 24)


@pytest.mark.parametrize(
    "missing", ["fusion.fc2.weight", "contrastive_bert.fc.bias", "textual.output.weight"]
)
@pytest.mark.parametrize("beside", [True, False])
def test_a_missing_tensor_is_named(
    world: World, tensors: published.Tensors, tmp_path: Path, missing: str, beside: bool
) -> None:
    """Also where the whole part is missing."""
    part = missing.split(".", 1)[0] + "."
    kept = {
        name: x for name, x in tensors.items() if name != missing and (beside or not name.startswith(part))
    }
    path = world.saved(kept, tmp_path / "checkpoint_1.pth")
    with pytest.raises(ModelError, match=r"checkpoint_1.pth: tensor '\S+' is missing") as refused:
        import_checkpoint("refers", path, tmp_path / "model", world.options())
    assert (missing if beside else part) in str(refused.value)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "missing",
    [
        f"{published.VIT}encoder.layer.1.attn.key.weight",
        f"{published.VIT}embeddings.patch_embeddings.weight",
        f"{published.BERT}pooler.dense.bias",
        f"{published.BERT}embeddings.token_type_embeddings.weight",
        "textual.transformer.layers.0.multihead_attn.in_proj_bias",
    ],
)
def test_a_missing_tensor_inside_a_part_is_named(
    world: World, tensors: published.Tensors, tmp_path: Path, missing: str
) -> None:
    kept = {name: x for name, x in tensors.items() if name != missing}
    path = world.saved(
        kept,
        tmp_path / "checkpoint_1.pth",
    )
    with pytest.raises(ModelError, match=f"tensor '{missing}' is missing"):
        import_checkpoint("refers", path, tmp_path / "model", world.options())


def test_an_unknown_tensor_is_named(world: World, tensors: published.Tensors, tmp_path: Path) -> None:
    path = world.saved(tensors | {"fusion.fc4.bias": np.zeros(1)}, tmp_path / "checkpoint_1.pth")
    with pytest.raises(ModelError, match=r"tensor 'fusion.fc4.bias' is not part of such a model"):
        import_checkpoint("refers", path, tmp_path / "model", world.options())


def test_output_weights_of_their_own_are_refused(
    world: World, tensors: published.Tensors, tmp_path: Path
) -> None:
    other = {"textual.output.weight": tensors["textual.output.weight"] + 1}
    path = world.saved(tensors | other, tmp_path / "checkpoint_1.pth")
    with pytest.raises(
        ModelError, match=r"'textual.output.weight' and 'textual.embedding.words.weight' differ"
    ):
        import_checkpoint("refers", path, tmp_path / "model", world.options())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "net.model."])
def test_names_that_a_wrapper_made_longer_are_the_same_model(
    world: World, imported: LoadedModel, tensors: published.Tensors, tmp_path: Path, prefix: str
) -> None:
    wrapped = {prefix + name: x for name, x in tensors.items()}
    path = world.saved(wrapped, tmp_path / "checkpoint_1.pth", positions=False)
    import_checkpoint("refers", path, tmp_path / "model", world.options())
    same(load_model(tmp_path / "model"), imported)


def test_a_checkpoint_of_lightning_is_the_same_model(
    world: World, imported: LoadedModel, tensors: published.Tensors, tmp_path: Path
) -> None:
    path = tmp_path / "last.ckpt"
    wrapped = {f"model.{name}": x for name, x in published.as_torch(tensors).items()}
    torch.save({"state_dict": wrapped, "epoch": 3, "global_step": 9}, path)
    import_checkpoint("refers", path, tmp_path / "model", world.options())
    same(load_model(tmp_path / "model"), imported)


def same(found: LoadedModel, expected: LoadedModel) -> None:
    own, other = found.model.state_dict(), expected.model.state_dict()
    assert list(own) == list(other)
    for name, tensor in own.items():
        torch.testing.assert_close(tensor, other[name], msg=name)


def test_a_vocabulary_beside_the_checkpoint_is_taken(world: World, checkpoint: Path, tmp_path: Path) -> None:
    found = import_checkpoint(
        "refers", checkpoint, tmp_path / "model", {"tokenizer": str(world.folder / "words")}
    )
    assert found.tokenizers["report"].vocabulary_size == world.pieces


def test_both_vocabularies_may_lie_beside_the_checkpoint(
    world: World, tensors: published.Tensors, tmp_path: Path
) -> None:
    path = world.saved(tensors, tmp_path / "checkpoint_1.pth")
    (tmp_path / "vocab.txt").write_bytes((world.folder / "words" / "vocab.txt").read_bytes())
    (tmp_path / "own.model").write_bytes((world.folder / "mimic.model").read_bytes())
    found = import_checkpoint("refers", path, tmp_path / "model", {"offline": True})
    assert sorted(found.tokenizers) == ["report", "text"]


def test_a_model_file_given_as_tokenizer_is_that_of_reports(
    world: World, tensors: published.Tensors, tmp_path: Path
) -> None:
    path = world.saved(tensors, tmp_path / "checkpoint_1.pth")
    (tmp_path / "vocab.txt").write_bytes((world.folder / "words" / "vocab.txt").read_bytes())
    options = {"tokenizer": str(world.folder / "mimic.model"), "offline": True}
    found = import_checkpoint("refers", path, tmp_path / "model", options)
    assert found.tokenizers["text"].vocabulary_size == TEXT_ROWS


def test_without_a_vocabulary_of_reports_the_way_out_is_told(
    world: World, tensors: published.Tensors, tmp_path: Path
) -> None:
    path = world.saved(tensors, tmp_path / "checkpoint_1.pth")
    with pytest.raises(ModelError, match=r"there is no \.model file beside it: .*report_tokenizer=FILE"):
        import_checkpoint("refers", path, tmp_path / "model", {"tokenizer": str(world.folder / "words")})


def test_a_vocabulary_of_another_model_is_refused(world: World, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    Tokenizer.train(LINES, 300, 24).save(tmp_path / "other")
    options = world.options(report_tokenizer=str(tmp_path / "other"))
    with pytest.raises(
        ModelError, match=r"the decoder \d+ tokens, padding 0, start 1 and end 2: they do not"
    ):
        import_checkpoint("refers", checkpoint, tmp_path / "model", options)


def test_both_directions_of_writing_are_kept(world: World, tmp_path: Path) -> None:
    tensors = published.pretrained(TEXT_ROWS, world.pieces, backward=True)
    path = world.saved(tensors, tmp_path / "checkpoint_1.pth", positions=False)
    assert import_checkpoint("refers", path, tmp_path / "model", world.options()).dropped == ()
    loaded = load_model(tmp_path / "model")
    ids, mask = texts(world.pieces, "reports", (9, 12, 6))
    study = Encoded(loaded.model, batch(world)).studies()
    logits = loaded.model.report_logits(study, torch.from_numpy(ids), torch.from_numpy(mask), True)
    memory = published_features(tensors)[1]
    expected = published.decoded(tensors, memory, ids, "backward_textual.")
    np.testing.assert_allclose(logits.detach(), expected[mask], atol=1e-5)


def test_a_study_has_exactly_three_films(imported: LoadedModel) -> None:
    features = imported.model.film_features(torch.from_numpy(films(2).astype(np.float32)))
    with pytest.raises(UsageError, match="a study with 2 films, but this model takes exactly 3"):
        imported.model.study_features(features, Ragged.even(1, 2), torch.zeros(2, dtype=torch.int64))


def fine_tuned(outputs: int, seed: int = 1) -> published.Tensors:
    head = {"head.weight": (outputs, published.WIDTH), "head.bias": (outputs,)}
    return published.drawn(published.image_shapes("transformer.") | head, seed)


def test_a_fine_tuned_file_gives_the_published_scores(tmp_path: Path) -> None:
    tensors, path = fine_tuned(14), tmp_path / "caption_100_bestauc_checkpoint.bin"
    torch.save(published.as_torch(tensors), path)
    found = import_checkpoint("refers", path, tmp_path / "model", {"trained_on": "nih14"})
    assert found.dropped == ()
    loaded = load_model(tmp_path / "model")
    features = loaded.model.film_features(torch.from_numpy(films().astype(np.float32)))
    tokens = published.vit(tensors, films(), "transformer.")
    expected = published.linear(tokens[:, 0], tensors, "head")
    np.testing.assert_allclose(loaded.model.logits(features).detach(), expected, atol=1e-5)
    assert loaded.model.facts.observations[0] == "Atelectasis"
    assert loaded.config.preprocessing.fit == "crop"


def test_a_fine_tuned_file_answers_films(tmp_path: Path) -> None:
    torch.save(published.as_torch(fine_tuned(1)), tmp_path / "best.bin")
    import_checkpoint("refers", tmp_path / "best.bin", tmp_path / "model", {"trained_on": "shenzhen_tb"})
    film = generator("film").integers(0, 255, (64, 48), dtype=np.uint8)
    found = load(tmp_path / "model").classify([film])
    assert found.observations == ("Tuberculosis",)


@pytest.mark.parametrize("options", [{}, {"observations": ["A"]}, {"trained_on": "covid19_idc"}])
def test_outputs_without_names_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    torch.save(published.as_torch(fine_tuned(3)), tmp_path / "best.bin")
    with pytest.raises(ModelError, match=r"has 3 outputs and \d names for them; say whose labels"):
        import_checkpoint("refers", tmp_path / "best.bin", tmp_path / "model", options)


@pytest.mark.parametrize("prefix", ["transformer.", published.VIT])
def test_an_image_encoder_alone_starts_a_training(tmp_path: Path, prefix: str) -> None:
    tensors = published.drawn(published.image_shapes(prefix))
    torch.save(published.as_torch(tensors), tmp_path / "refers_checkpoint.pth")
    found = import_checkpoint("refers", tmp_path / "refers_checkpoint.pth", tmp_path / "model")
    assert found.dropped == ()
    check_image_encoder(tmp_path / "model", tensors, prefix)


def check_image_encoder(folder: Path, tensors: published.Tensors, prefix: str) -> None:
    model = load_model(folder).model
    features = model.film_features(torch.from_numpy(films().astype(np.float32)))
    expected = published.vit(tensors, films(), prefix)
    np.testing.assert_allclose(features.pooled.detach(), expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(features.patches.detach(), expected[:, 1:], atol=1e-5)


def test_a_file_of_google_gives_the_published_features(tmp_path: Path) -> None:
    tensors = published.drawn(published.image_shapes())
    np.savez(tmp_path / "ViT-B_16.npz", **published.jax_arrays(tensors))
    found = import_checkpoint("refers", tmp_path / "ViT-B_16.npz", tmp_path / "model")
    assert set(found.dropped) == {"head/kernel", "head/bias", "pre_logits/kernel", "pre_logits/bias"}
    check_image_encoder(tmp_path / "model", tensors, published.VIT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Transformer/encoder_norm/scale": None}, "'transformer.encoder.encoder_norm.weight' is missing"),
        ({"extra/kernel": np.zeros(2)}, "'extra/kernel' is not part of such a model"),
        ({"Transformer/encoderblock_1/MlpBlock_3/Dense_0/kernel": np.zeros(3)}, "needs 2 axes"),
        ({"cls": np.array([object()])}, "damaged, or not arrays of plain numbers"),
    ],
)
def test_a_file_of_google_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    arrays = published.jax_arrays(published.drawn(published.image_shapes())) | change
    np.savez(tmp_path / "v.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ModelError, match=message):
        import_checkpoint("refers", tmp_path / "v.npz", tmp_path / "model")


def test_a_compressed_file_of_arrays_is_not_opened(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "v.npz", cls=np.zeros(2**20))
    with pytest.raises(ModelError, match="its members are compressed"):
        import_checkpoint("refers", tmp_path / "v.npz", tmp_path / "model")


@pytest.mark.parametrize("side", [3, 6, 9])
def test_positions_are_resized_as_published(side: int) -> None:
    tensors = published.as_torch(published.drawn(published.image_shapes()))
    found = with_positions_for(tensors, published.VIT, side * published.PATCH, "linear", "here")
    old = tensors[published.VIT + POSITIONS].numpy()
    grid = old[0, 1:].reshape(published.GRID, published.GRID, -1)
    zoom = side / published.GRID
    expected = ndimage.zoom(grid, (zoom, zoom, 1), order=1).reshape(1, side**2, -1)
    resized = found[published.VIT + POSITIONS].numpy()
    np.testing.assert_allclose(resized[:, 1:], expected, atol=1e-5)
    np.testing.assert_array_equal(resized[:, :1], old[:, :1])


def test_positions_are_resized_as_timm_does() -> None:
    from timm.layers import resample_abs_pos_embed

    tensors = published.as_torch(published.drawn(published.image_shapes()))
    found = with_positions_for(tensors, published.VIT, 6 * published.PATCH, "bicubic", "here")
    expected = resample_abs_pos_embed(tensors[published.VIT + POSITIONS], [6, 6])
    torch.testing.assert_close(found[published.VIT + POSITIONS], expected)


@pytest.mark.parametrize("grid", ["linear", "bicubic"])
def test_a_model_takes_films_of_another_size(
    world: World, checkpoint: Path, tmp_path: Path, grid: str
) -> None:
    options = world.options(image_size=6 * published.PATCH, grid=grid)
    import_checkpoint("refers", checkpoint, tmp_path / "model", options)
    loaded = load_model(tmp_path / "model")
    assert loaded.config.preprocessing.size == 48
    features = loaded.model.film_features(torch.zeros(1, 3, 48, 48))
    assert features.patches.shape[1] == 36


def test_attention_heads_that_shapes_do_not_tell_are_asked_for(
    world: World, checkpoint: Path, tmp_path: Path
) -> None:
    options = world.options(image_heads=3)
    with pytest.raises(ModelError, match=r"its image part has 128 features, which 3 attention heads do not"):
        import_checkpoint("refers", checkpoint, tmp_path / "model", options)
    found = import_checkpoint("refers", checkpoint, tmp_path / "model", world.options(image_heads=4))
    assert found.config.architecture.image["settings"]["num_heads"] == 4


def test_virtex_writes_from_the_films_it_sees(world: World, tmp_path: Path) -> None:
    from torchvision.models import resnet50

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = resnet50().eval()
    network.fc = torch.nn.Identity()
    shapes = published.writing_shapes(world.pieces, 2048, 2) | published.layer_shapes("backward_textual.", 2)
    tensors = published.with_copies(published.drawn(shapes), backward=True)
    cnn = {f"visual.cnn.{name}": x for name, x in network.state_dict().items()}
    path = tmp_path / "bicaptioning_R_50_L2_H128.pth"
    torch.save({"model": cnn | published.as_torch(tensors), "iteration": 7}, path)
    options = {"report_tokenizer": str(world.folder / "mimic.model")}
    assert import_checkpoint("refers", path, tmp_path / "model", options).dropped == ()
    model = load_model(tmp_path / "model").model
    pixels = torch.from_numpy(films(2, 64).astype(np.float32))
    with torch.no_grad():
        layers = torch.nn.Sequential(*list(network.children())[:-2])
        memory = layers(pixels).flatten(2).transpose(1, 2)
        study = model.study_features(
            model.film_features(pixels), Ragged.even(2, 1), torch.zeros(2, dtype=torch.int64)
        )
        ids, mask = texts(world.pieces, "reports", (9, 12))
        logits = model.report_logits(study, torch.from_numpy(ids), torch.from_numpy(mask))
    np.testing.assert_allclose(study.memory, memory, atol=1e-5)
    expected = published.decoded(tensors, memory.numpy().astype(float), ids, layers=2)
    np.testing.assert_allclose(logits, expected[mask], atol=1e-5)


def test_a_file_of_google_fits_the_published_recipe(tmp_path: Path) -> None:
    """Of the published patches and films; the rest is small."""
    shapes = published.image_shapes()
    shapes[published.VIT + POSITIONS] = (1, 14**2 + 1, published.WIDTH)
    shapes[f"{published.VIT}embeddings.patch_embeddings.weight"] = (published.WIDTH, 3, 16, 16)
    np.savez(tmp_path / "ViT.npz", **published.jax_arrays(published.drawn(shapes)))
    import_checkpoint("refers", tmp_path / "ViT.npz", tmp_path / "vit")
    small = json.dumps({**SMALL_VIT, "pos_drop_rate": 0.1, "proj_drop_rate": 0.1})
    changes = [f"parts.image.from={tmp_path / 'vit'}", f"model.image.settings={small}"]
    changes += ["model.image.name=vit_base_patch16_224", "model.image.pretrained=false"]
    recipe = load_recipe("refers", changes)
    assert (recipe.model["image"]["image_size"], recipe.data.cache) == (224, 320)
    assert recipe.preprocessing.library == "opencv"


def test_the_published_sizes_are_told_from_shapes() -> None:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.patch_embeddings.weight": (768, 3, 16, 16),
        POSITIONS: (1, 197, 768),
        **{f"encoder.layer.{layer}.ffn.fc1.weight": (3072, 768) for layer in range(12)},
    }
    image = vit_image(unfilled(shapes), "", None, None, "here")
    assert (image["name"], image["image_size"]) == ("vit_base_patch16_224", 224)
    assert image["settings"] == {"pos_drop_rate": 0.1, "proj_drop_rate": 0.1}
    shapes = {
        "textual.embedding.words.weight": (10_000, 1024),
        "textual.embedding.positions.weight": (100, 1024),
        "textual.transformer.layers.0.linear1.weight": (4096, 1024),
    }
    report = decoder_config(unfilled(shapes), None, "here")
    found = (report.width, report.depth, report.heads, report.feed_forward, report.norm, report.max_tokens)
    assert found == (1024, 1, 16, 4096, "after", 100)


def unfilled(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
