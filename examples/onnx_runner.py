"""A model of `plainfilm export` without torch: what its outputs, or cosines with TEXTs, say of a film.

python onnx_runner.py FOLDER FILM [TEXT...]     needs numpy, pillow, onnxruntime, tokenizers
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image
from tokenizers import Tokenizer

folder, film, texts = Path(sys.argv[1]), Image.open(sys.argv[2]).convert("L"), sys.argv[3:]
about = json.loads((folder / "model.json").read_text())
how = about["preprocessing"]
if how["library"] != "pillow" or how["order"] == "resize_last" or how["second"] or how["stretch"]:
    sys.exit(f"{folder}: its films are made ready in a way that this short program does not know")
size, side, fit = how["size"], how["resize"] or how["size"], how["fit"]
kind = Image.Resampling["BOX" if how["filter"] == "area" else how["filter"].upper()]


def middle(image, width, height):
    """The middle of an image in whole pixels, black around it where it is smaller."""
    begin = round if how["odd_margin"] == "nearest_even" else int
    spare = (own - part for own, part in zip(image.size, (width, height), strict=True))
    left, top = (begin(one / 2) if one > 0 else -(-one // 2) for one in spare)
    return image.crop((left, top, left + width, top + height))


if how["order"] == "at_once":  # the exact middle of the film, which may begin between two pixels
    film = middle(film, max(film.size), max(film.size)) if fit == "pad" else film
    shown = [size / side * (min(film.size) if fit == "crop" else edge) for edge in film.size]
    left, top = ((edge - part) / 2 for edge, part in zip(film.size, shown, strict=True))
    film = film.resize((size, size), kind, box=(left, top, left + shown[0], top + shown[1]))
else:
    own = max(film.size) if fit == "pad" else min(film.size)
    scaled = [side if fit == "squash" or edge == own else int(side * edge / own) for edge in film.size]
    film = middle(middle(film.resize(scaled, kind), side, side), size, size)
black, white = how["value_range"]
mean, std = (np.array(how[key]) if how["channels"] == 3 else np.mean([how[key]]) for key in ("mean", "std"))
values = np.asarray(film)[..., None] / 255 * (white - black) + black
pixels = ((values - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
found = InferenceSession(folder / "films.onnx").run(None, {"films": pixels})
answers = dict(zip(about["graphs"]["films"]["outputs"], found, strict=True))
logits = answers["logits"][0] if about["observations"] else ()
for name, logit in zip(about["observations"], logits, strict=True):
    print(f"{1 / (1 + np.exp(-logit)):.4f} {name}")
if texts:
    encoded = Tokenizer.from_file(str(folder / "tokenizer.json")).encode_batch(texts)
    tokens = {"token_ids": np.array([one.ids for one in encoded], np.int64)}
    tokens["token_mask"] = np.array([one.attention_mask for one in encoded], bool)
    vectors = InferenceSession(folder / "texts.onnx").run(None, tokens)[0]
    for text, cosine in zip(texts, vectors @ answers["vectors"][0], strict=True):
        print(f"{cosine:.4f} {text}")
