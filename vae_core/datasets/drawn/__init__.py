"""Clothes drawn by rule, for when Fashion-MNIST cannot be had."""
