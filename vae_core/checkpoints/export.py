"""A model, or its codes, for other programs. Our own loader never reads these back.

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets, schema
>>> network = presets.build(ModelConfig("swift"))
>>> description, data = packed_decoder(network, schema.random_weights(network))
>>> description["weights"]["decoder/logits/bias"]["shape"], len(data) % 4
([1], 0)
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.checkpoints.store import Checkpoint
from vae_core.datasets.dataset import Dataset
from vae_core.network.layers import Network, Weights
from vae_core.storage.files import write_bytes, write_json
from vae_core.storage.tables import delimited

# A sprite of 100 × 100 thumbnails.
SPRITE_IMAGES = 10_000

# The files that each format writes.
NAMES = {
    "onnx": ("encoder.onnx", "decoder.onnx"),
    "keras": ("encoder.keras", "decoder.keras"),
    "browser": ("decoder.json", "decoder.bin"),
    "projector": ("codes.tsv", "metadata.tsv", "sprite.png", "projector_config.json"),
}


def onnx_files(checkpoint: Checkpoint, folder: Path) -> list[Path]:
    """Write encoder.onnx ("input" -> z_mean, z_log_var) and decoder.onnx ("input" -> logits, image), channels last, checked.

    Args:
        checkpoint: The model.
        folder: Where to write.

    Returns:
        The two files.
    """
    import onnx

    from vae_core.network.onnx_graph import onnx_model

    written = []
    for part in (checkpoint.network.encoder, checkpoint.network.decoder):
        model = onnx_model(part, checkpoint.weights)
        onnx.checker.check_model(model, full_check=True)
        written.append(folder / f"{part.name}.onnx")
        write_bytes(written[-1], model.SerializeToString())
    return written


def packed_decoder(network: Network, weights: Weights) -> tuple[dict[str, Any], bytes]:
    """The decoder for a browser.

    Args:
        network: The model's layers.
        weights: Arrays by full name.

    Returns:
        {"decoder": its layer list, "weights": each weight's "shape" and "offset", counted in float32 values}, and the
        bytes that the offsets lead into: float32, little-endian, in Keras' layouts.
    """
    names = list(network.decoder.weight_shapes())
    arrays = [np.ascontiguousarray(weights[name], "<f4") for name in names]
    ends = np.cumsum([array.size for array in arrays]).tolist()
    places = {
        name: {"offset": end - array.size, "shape": list(array.shape)}
        for name, array, end in zip(names, arrays, ends, strict=True)
    }
    description = {"decoder": network.to_dict()["decoder"], "weights": places}
    return description, b"".join(array.tobytes() for array in arrays)


def browser_files(checkpoint: Checkpoint, folder: Path) -> list[Path]:
    """Write decoder.json (the layer list, and where each weight lies) and decoder.bin (float32, little-endian).

    Args:
        checkpoint: The model.
        folder: Where to write.

    Returns:
        The two files.
    """
    description, weights = packed_decoder(checkpoint.network, checkpoint.weights)
    write_json(folder / "decoder.json", description)
    write_bytes(folder / "decoder.bin", weights)
    return [folder / "decoder.json", folder / "decoder.bin"]


def projector_files(checkpoint: Checkpoint, dataset: Dataset, folder: Path) -> list[Path]:
    """Write codes.tsv (z_mean of the test split), metadata.tsv, sprite.png, and the config the Embedding Projector reads.

    Args:
        checkpoint: The model.
        dataset: Whose test split is encoded, `SPRITE_IMAGES` of it at most.
        folder: Where to write.

    Returns:
        The four files.
    """
    from PIL import Image

    from vae_core.analysis.mosaics import mosaic

    images, labels = dataset.images("test", SPRITE_IMAGES), dataset.labels("test")[:SPRITE_IMAGES]
    z_mean, _ = checkpoint.engine().encode(images)
    codes = delimited(([f"{value:.6f}" for value in row] for row in z_mean), "\t")
    names = [("index", "class"), *((i, dataset.classes[label]) for i, label in enumerate(labels))]
    side = int(np.ceil(np.sqrt(len(images))))
    sprite = BytesIO()
    Image.fromarray(mosaic(images, columns=side, gap=0)).save(sprite, "PNG")
    embedding = {
        "tensorName": f"{checkpoint.name}, {dataset.title('test')}",
        "tensorShape": list(z_mean.shape),
        "tensorPath": "codes.tsv",
        "metadataPath": "metadata.tsv",
        "sprite": {"imagePath": "sprite.png", "singleImageDim": list(images.shape[2:0:-1])},
    }
    files = {
        "codes.tsv": codes.encode(),
        "metadata.tsv": delimited(names, "\t").encode(),
        "sprite.png": sprite.getvalue(),
        "projector_config.json": json.dumps({"embeddings": [embedding]}, indent=1).encode(),
    }
    for name, data in files.items():
        write_bytes(folder / name, data)
    return [folder / name for name in files]
