"""Training with Keras, on TensorFlow. Importing this package imports Keras, with the settings that it needs."""

from vae_core.training.keras_settings import own_settings

with own_settings():
    # here, so that no module of the package can be first
    import keras  # noqa: F401
