"""drgn reads images in place."""

import pytest

drgn = pytest.importorskip("drgn")
import kflat.drgn  # noqa: E402


def test_drgn_reads_the_image(vfs_read):
    prog = kflat.drgn.program(vfs_read)
    inode = vfs_read.roots["file"].f_inode
    at = kflat.drgn.address(vfs_read, "file.f_inode.i_size")
    assert prog.read_u64(at) == inode.i_size
    name = kflat.drgn.address(vfs_read, "file.f_path.dentry.d_name.name")
    assert prog.read_c_string(name) == b"hostname"
    with pytest.raises(drgn.FaultError):
        prog.read(0xFFFF_0000_0000_0000, 8)
