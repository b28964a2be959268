"""Which pictures: Fashion-MNIST, drawn clothes, or the user's own."""

from vae_core.datasets.dataset import Dataset, fetch_fashion, find_fashion, from_folder, from_npz, from_zip, here, load
from vae_core.datasets.idx import DataError

__all__ = [
    "DataError",
    "Dataset",
    "fetch_fashion",
    "find_fashion",
    "from_folder",
    "from_npz",
    "from_zip",
    "here",
    "load",
]
