"""How much is read of files that others made: one table, so that what one reader takes the next one takes too.

Bytes, unless a comment says otherwise.

>>> f"{MODEL_ZIP / MIB:.0f} MiB"
'512 MiB'
"""

from __future__ import annotations

MIB = 1 << 20

PICTURE_FILE = 256 * MIB  # one picture
PICTURE_PIXELS = 50_000_000  # pixels of one picture, told by its header: above that nothing is decoded
DATA = 2048 * MIB  # a zip, an .npz or a folder of pictures, unpacked; all pixels of a data set together
DATA_ENTRIES = 500_000  # files in it
CLASSES = 10_000  # of a data set
CLASS_NAMES = 800_000  # all of them in config.json, which is read up to a megabyte
IDX_FILE = 1024 * MIB  # one file of MNIST's kind, unpacked: the largest real one has a tenth of that

MODEL_ZIP = 512 * MIB  # a model or a run as a zip, packed
MODEL = 1024 * MIB  # the same unpacked
MODEL_ENTRIES = 2000  # files in it
ARRAYS = 1000 * MIB  # an .npz of a model, unpacked
STATE = 4000 * MIB  # a resumable state: weights, their average and the optimizer's two moments
