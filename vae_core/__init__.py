"""A convolutional variational autoencoder: data, model, training, measures, and an engine to look inside.

This package imports nothing by itself, so that each module costs only what it needs: `model` and `training`
import Keras (seconds), everything else numpy at most.
"""
