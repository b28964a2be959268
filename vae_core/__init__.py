"""A convolutional variational autoencoder: data, model, training, measures, and an engine to look inside.

This package imports nothing by itself, so that each module costs only what it needs: `vae_core.training` imports Keras
(seconds), every other package numpy and small libraries at most.

>>> from vae_core.config import ModelConfig, recommended
>>> recommended(ModelConfig(preset="swift", latent_dim=16)).learning_rate
0.0025
"""
