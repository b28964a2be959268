"""A model whose log p(x) is known in closed form."""

import math

import numpy as np

SIGMA, SHAPE = 0.05, (4, 4, 1)


class LinearGaussian:
    """x = 0.5 + W z + sigma noise: posterior and log p(x) are known.

    `widen` and `shift` spoil the posterior it reports; the units of a `correlated` one are not independent given x, so that no
    diagonal Gaussian is exact, and it reports the best of them.
    """

    latent_dim, image_shape, likelihood = 2, SHAPE, "gaussian"

    def __init__(self, widen=1.0, shift=0.0, sigma=SIGMA, correlated=False, scale=0.02):
        self.loadings = scale * np.random.default_rng(1).standard_normal((16, 2))
        if correlated:
            self.loadings[:, 1] += self.loadings[:, 0]
        precision = np.eye(2) + self.loadings.T @ self.loadings / sigma**2
        if not correlated:
            # Mean-field codes can only be exact where the true posterior has no correlation: make the columns orthogonal.
            self.loadings[:, 1] -= self.loadings[:, 0] * (precision[0, 1] / (precision[0, 0] - 1))
        self.precision = np.eye(2) + self.loadings.T @ self.loadings / sigma**2
        self.variance = 1 / self.precision.diagonal()
        self.widen, self.shift, self.sigma, self.log_sigma = widen, shift, sigma, math.log(sigma)

    def images(self, n, seed=0):
        rng = np.random.default_rng(seed)
        x = 0.5 + rng.standard_normal((n, 2)) @ self.loadings.T + self.sigma * rng.standard_normal((n, 16))
        return np.clip(x, 0, 1).reshape(n, *SHAPE).astype(np.float32)

    def log_p(self, images):
        x = images.reshape(len(images), 16).astype(np.float64) - 0.5
        covariance = self.loadings @ self.loadings.T + self.sigma**2 * np.eye(16)
        _, log_det = np.linalg.slogdet(2 * np.pi * covariance)
        return -0.5 * (log_det + np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x))

    def encode(self, images):
        x = images.reshape(len(images), 16) - 0.5
        z_mean = x @ self.loadings / self.sigma**2 @ np.linalg.inv(self.precision) + self.shift
        z_log_var = np.broadcast_to(np.log(self.widen * self.variance), z_mean.shape)
        return z_mean.astype(np.float32), z_log_var.astype(np.float32)

    def decode(self, z):
        return (0.5 + z @ self.loadings.T).reshape(len(z), *SHAPE).astype(np.float32)

    def decode_logits(self, z):
        means = self.decode(z).astype(np.float64)
        return np.log(means / (1 - means))
