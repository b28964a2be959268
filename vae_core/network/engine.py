"""The trained network run by ONNX Runtime: encode, decode, and every layer's activations. No TensorFlow.

The graph is built from the layer list each time (tens of milliseconds), so a snapshot needs weights only.

>>> import numpy as np
>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> from vae_core.network.schema import random_weights
>>> network = presets.build(ModelConfig(latent_dim=2))
>>> engine = Engine(network, random_weights(network), threads=1)
>>> engine.decode(np.zeros((5, 2), np.float32)).shape
(5, 28, 28, 1)
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx

from vae_core.network.layers import Network, Part, Weights
from vae_core.network.onnx_gradient import kl_gradient_model, pullback_model, pushforward_model
from vae_core.network.onnx_graph import onnx_model
from vae_core.network.onnx_runtime import ort
from vae_core.network.schema import check_weights

SLICE_VALUES = 400_000  # float32 values of the largest layer held at once: 1.6 MB, which a core's cache holds


class Engine:
    """A network with its weights, ready to run; thread-safe, never changed after it is made.

    Attributes:
        network: The layer list.
        weights: Arrays by full name, float32.
        latent_dim: Number of latent units.
        image_shape: (height, width, channels).
        likelihood: "bernoulli" or "gaussian".
        log_sigma: Natural logarithm of the Gaussian likelihood's standard deviation; 0 for the Bernoulli likelihood.
    """

    def __init__(self, network: Network, weights: Weights, threads: int = 0, only: str | None = None) -> None:
        """Check the weights; a graph is built when it is first used.

        Args:
            network: The layer list.
            weights: Arrays by full name, taken as float32.
            threads: CPU threads of one call, 0 for all.
            only: "encoder" or "decoder" if the weights are of that part alone.

        Raises:
            NetworkError: The weights do not belong to the network or are not finite.
        """
        check_weights(network, weights, only=only)
        self.network, self._only = network, only
        self.weights = {name: np.asarray(array, np.float32) for name, array in weights.items()}
        self.latent_dim = network.latent_dim
        self.image_shape = network.image_shape
        self.likelihood = network.likelihood
        self.log_sigma = float(self.weights.get(Network.sigma_name, np.float32(0)))
        self._threads = threads or os.cpu_count() or 1
        self._sessions: dict[tuple[str, str], ort.InferenceSession] = {}
        self._lock = threading.Lock()
        # Worked out once: walking the layers would cost as much as running them on one image.
        walks = {part.name: part.walk() for part in (network.encoder, network.decoder)}
        self._names = {name: [layer.name for layer, *_ in walk] for name, walk in walks.items()}
        self._slice = {
            name: max(1, SLICE_VALUES // max(math.prod(after) for *_, after in walk)) for name, walk in walks.items()
        }

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the posterior parameters of images.

        Args:
            images: (n, h, w, c) float32 in [0, 1].

        Returns:
            z_mean and z_log_var, each (n, latent_dim) float32.

        Raises:
            ValueError: The shape is another one.
        """
        z_mean, z_log_var = self._run(
            self.network.encoder, "heads", {"input": _as_batch(images, self.image_shape, "images")}
        )
        return z_mean, z_log_var

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Compute the mean image of p(x | z) of each z.

        Args:
            z: (n, latent_dim) float32.

        Returns:
            Images (n, h, w, c) float32 in [0, 1].

        Raises:
            ValueError: The shape is another one.
        """
        return self._decoded(z)[1]

    def decode_logits(self, z: np.ndarray) -> np.ndarray:
        """Compute the logits (n, h, w, c) float32 of z (n, latent_dim) float32; `decode` is their sigmoid."""
        return self._decoded(z)[0]

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Compute decode(z_mean) of images (n, h, w, c) float32 in [0, 1]: the same shape and range."""
        return self.decode(self.encode(images)[0])

    def encoder_activations(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the output of every encoder layer, after its activation.

        Args:
            images: (n, h, w, c) float32 in [0, 1].

        Returns:
            Layer name to (n, h, w, channels) or (n, units) float32, in the order of the layers, heads last.
        """
        return self._activations(self.network.encoder, _as_batch(images, self.image_shape, "images"))

    def decoder_activations(self, z: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the output of every decoder layer for z (n, latent_dim) float32, as `encoder_activations` does."""
        return self._activations(self.network.decoder, _as_batch(z, (self.latent_dim,), "z"))

    def kl_gradient(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the KL of each image's posterior to the prior, and its gradient by the pixels.

        Args:
            images: (n, h, w, c) float32 in [0, 1].

        Returns:
            KL in nats, (n,) float32, and gradients, (n, h, w, c) float32.

        Raises:
            ValueError: The shape is another one, or the encoder has a layer without a gradient here.
        """
        batch = _as_batch(images, self.image_shape, "images")
        kl, gradient = self._run(self.network.encoder, "kl", {"input": batch})
        return kl[:, 0], gradient

    def encoder_gradient(self, images: np.ndarray, by_z_mean: np.ndarray, by_z_log_var: np.ndarray) -> np.ndarray:
        """Compute the gradient by the pixels of whatever has these gradients by the posterior parameters.

        Args:
            images: (n, h, w, c) float32; they may lie outside [0, 1].
            by_z_mean: (n, latent_dim) float32.
            by_z_log_var: (n, latent_dim) float32.

        Returns:
            (n, h, w, c) float32.

        Raises:
            ValueError: A shape is another one.
        """
        return self._run(self.network.encoder, "pullback", self._by_heads(images, by_z_mean, by_z_log_var))[0]

    def encoder_layer_gradients(
        self, images: np.ndarray, by_z_mean: np.ndarray, by_z_log_var: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Compute every convolution of the encoder and the gradient by its output, arguments as for `encoder_gradient`.

        Returns:
            Layer name to its output and the gradient, each (n, h, w, channels) float32, in the order of the layers.
        """
        encoder = self.network.encoder
        outputs = self._run(encoder, "layer gradients", self._by_heads(images, by_z_mean, by_z_log_var))
        names = [layer.name for layer in encoder.layers if layer.kind.startswith("conv")]
        return dict(zip(names, zip(outputs[::2], outputs[1::2], strict=True), strict=True))

    def decoder_gradient(self, z: np.ndarray, by_logits: np.ndarray) -> np.ndarray:
        """Compute the gradient by z, (n, latent_dim) float32, of whatever has this gradient (n, h, w, c) by the logits."""
        feeds = {
            "input": _as_batch(z, (self.latent_dim,), "z"),
            "by/logits": _as_batch(by_logits, self.image_shape, "by_logits"),
        }
        return self._run(self.network.decoder, "pullback", feeds)[0]

    def decoder_derivative(self, z: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Compute the derivative of the logits, (n, h, w, c) float32, at z along a direction, each (n, latent_dim)."""
        feeds = {
            "input": _as_batch(z, (self.latent_dim,), "z"),
            "direction": _as_batch(direction, (self.latent_dim,), "direction"),
        }
        return self._run(self.network.decoder, "pushforward", feeds)[0]

    def _decoded(self, z: np.ndarray) -> list[np.ndarray]:
        return self._run(self.network.decoder, "heads", {"input": _as_batch(z, (self.latent_dim,), "z")})

    def _by_heads(self, images: np.ndarray, by_z_mean: np.ndarray, by_z_log_var: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "input": _as_batch(images, self.image_shape, "images"),
            "by/z_mean": _as_batch(by_z_mean, (self.latent_dim,), "by_z_mean"),
            "by/z_log_var": _as_batch(by_z_log_var, (self.latent_dim,), "by_z_log_var"),
        }

    def _activations(self, part: Part, batch: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self._names[part.name], self._run(part, "layers", {"input": batch}), strict=True))

    def _run(self, part: Part, what: str, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs of one graph of `_BUILDERS`, on slices so small that memory does not grow with the batch."""
        session, step = self._session(part, what), self._slice[part.name]
        # an empty batch still makes one slice, of which the outputs have their shapes
        starts = range(0, max(1, len(feeds["input"])), step)
        slices = [{name: array[start : start + step] for name, array in feeds.items()} for start in starts]
        pieces = self._in_slices(session, slices)
        return pieces[0] if len(pieces) == 1 else [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]

    def _in_slices(self, session: ort.InferenceSession, slices: list[dict[str, np.ndarray]]) -> list[list[np.ndarray]]:
        """Run each slice on one thread, several at a time: quicker than several threads on one slice, and than their waking."""

        def run(feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            return list(session.run(None, feeds))

        if len(slices) == 1 or self._threads == 1:
            return [run(feeds) for feeds in slices]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(run, slices))

    def _session(self, part: Part, what: str) -> ort.InferenceSession:
        key = (part.name, what)
        if self._only not in (None, part.name):
            raise ValueError(
                f"this engine holds the {self._only} alone; it has no {part.name}. Open the whole model for that."
            )
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = start_session(_BUILDERS[what](part, self.weights).SerializeToString())
            return self._sessions[key]


_BUILDERS: dict[str, Callable[[Part, Weights], onnx.ModelProto]] = {
    "heads": onnx_model,
    "layers": lambda part, weights: onnx_model(part, weights, every=True),
    "kl": kl_gradient_model,
    "pullback": pullback_model,
    "layer gradients": lambda part, weights: pullback_model(part, weights, layers=True),
    "pushforward": pushforward_model,
}


def start_session(model: bytes) -> ort.InferenceSession:
    """Start an ONNX Runtime session that runs on the caller's thread: none of its own spins beside a trainer.

    Args:
        model: A serialized ONNX model.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _as_batch(values: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    batch = np.ascontiguousarray(values, dtype=np.float32)
    if batch.ndim != len(shape) + 1 or batch.shape[1:] != shape:
        sides = ", ".join(map(str, shape))
        raise ValueError(
            f"{name} must have shape (n, {sides}), got {batch.shape}. One alone needs a first axis: x[None]."
        )
    return batch
