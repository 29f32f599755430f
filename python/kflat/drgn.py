"""An image as a program of drgn, which reads it in place: nothing is exported.

    import kflat, kflat.drgn

    prog = kflat.drgn.program(kflat.open("vfs_read.img"), "vmlinux")
    drgn.Object(prog, "struct file *", kflat.drgn.address(img, "file")).f_path
"""

import os

import drgn

from ._kflat import Image, ImageError

__all__ = ["address", "mount", "program"]


def mount(prog: drgn.Program, image: Image) -> None:
    """Makes ``prog`` read the memory of ``image`` at its original addresses.

    What was not captured stays absent: reading it raises ``drgn.FaultError``.
    """
    vmcoreinfo = image.vmcoreinfo
    if vmcoreinfo is None:
        raise ImageError("the image does not tell the release of its kernel: save it with kflat capture")
    prog.set_linux_kernel_custom(vmcoreinfo, is_live=False)

    def read(address: int, count: int, offset: int, physical: bool) -> bytes:
        return image.read(address, count)

    for address, size in image.spans:
        prog.add_memory_segment(address, size, read)


def program(image: Image, *debug_info: str | os.PathLike[str]) -> drgn.Program:
    """A new program that reads ``image``, with the types of the files ``debug_info``."""
    prog = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    mount(prog, image)
    if debug_info:
        prog.load_debug_info([os.fspath(path) for path in debug_info])
    return prog


def address(image: Image, path: str) -> int:
    """The address that a pointer at ``path`` holds, or that of what else is there."""
    value = image.path(path)
    if value.kind_ == "pointer":
        return int(value)
    found = value.address_
    assert found is not None, "only roots lie nowhere, and they are pointers"
    return found
