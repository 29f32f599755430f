"""Images of kernel memory that kflat captured.

    import kflat

    img = kflat.open("vfs_read.img")
    img.roots["file"].f_path.dentry.d_name.name.string()
"""

import os

from ._kflat import Image, ImageError, NotCaptured, Roots, Value

__all__ = ["Image", "ImageError", "NotCaptured", "Roots", "Value", "open"]


def open(path: str | os.PathLike[str]) -> Image:
    """Reads and checks the image in the file ``path``.

    Raises ``ImageError`` if it is no usable image, ``OSError`` if it can't be read.
    """
    return Image.open(os.fspath(path))
