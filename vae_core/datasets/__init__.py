"""Data sets: Fashion-MNIST, drawn clothes, or the user's own pictures."""

from vae_core.datasets.dataset import Dataset
from vae_core.datasets.fashion_mnist import fetch_fashion, find_fashion
from vae_core.datasets.loading import from_folder, from_npz, from_zip, load, load_local
from vae_core.storage.errors import DataError

__all__ = [
    "DataError",
    "Dataset",
    "fetch_fashion",
    "find_fashion",
    "from_folder",
    "from_npz",
    "from_zip",
    "load",
    "load_local",
]
