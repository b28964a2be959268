"""Three photos to try: garments drawn by this program, lit and laid out as a hasty photographer would (docs/sample_photos.py)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pages.ui.app.upload_store import Upload

FOLDER = Path(__file__).parent / "samples"
# file: what it is called; each shows another step between a photo and the model's input
SAMPLES = {"pullover.jpg": "Pullover on a sheet", "bag.jpg": "Bag in the dusk", "boot.jpg": "Boot in a lamp's light"}


@cache
def sample_photos() -> tuple[Upload, ...]:
    """Each as if a visitor had uploaded it."""
    return tuple(Upload(title, (FOLDER / file).read_bytes()) for file, title in SAMPLES.items())


def by_digest(digest: str) -> Upload | None:
    """The sample that a link names, on any server of this version."""
    return next((photo for photo in sample_photos() if photo.digest == digest), None)


def is_sample(upload: Upload) -> bool:
    """Whether a visitor's choice is one of them, whatever its switches."""
    return any(photo.data == upload.data for photo in sample_photos())
