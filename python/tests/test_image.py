"""Images as a whole: their memory, what is known of them, damaged ones."""

import kflat
import pytest


def test_memory_is_not_copied(vfs_read):
    whole = vfs_read.memory
    assert whole.readonly
    assert whole.obj is vfs_read
    inode = vfs_read.roots["file"].f_inode.deref_()
    part = inode.buffer_()
    assert part.obj is vfs_read
    assert part.nbytes == inode.size_
    assert part == whole[inode.offset_ : inode.offset_ + inode.size_]
    with pytest.raises(TypeError):
        part[0] = 1


def test_memory_outlives_the_names_of_its_image(images):
    part = kflat.open(images / "vfs_read.img").roots["file"].deref_().buffer_()
    assert bytes(part) == part.tobytes()


def test_reading_at_original_addresses(vfs_read):
    file = vfs_read.roots["file"]
    at = file.deref_().f_inode.address_
    # In the image a pointer is an offset; here it has its value.
    assert int.from_bytes(vfs_read.read(at, 8), "little") == int(file.f_inode)
    assert any(start <= at < start + size for start, size in vfs_read.spans)
    with pytest.raises(kflat.NotCaptured):
        vfs_read.read(8, 8)
    with pytest.raises(kflat.NotCaptured):
        vfs_read.read(at, 1 << 40)


def test_context(vfs_read):
    assert vfs_read.context["comm"] == "head"
    assert vfs_read.context["architecture"] == "x86_64"
    assert f"OSRELEASE={vfs_read.context['kernel']}" in vfs_read.vmcoreinfo
    assert "vfs_read" in vfs_read.recipe
    assert len(vfs_read.objects) == len(vfs_read) > 3


def test_an_elf_core(vfs_read, tmp_path):
    core = tmp_path / "core"
    vfs_read.export_elf(core)
    assert core.read_bytes()[:4] == b"\x7fELF"
    assert core.stat().st_mode & 0o777 == 0o600
    with pytest.raises(kflat.ImageError, match="--pages"):
        vfs_read.export_elf(core, profile="crash")
    with pytest.raises(ValueError, match="drgn or crash"):
        vfs_read.export_elf(core, profile="gdb")


def test_damaged_files(images, tmp_path):
    good = (images / "vfs_read.img").read_bytes()
    assert len(kflat.Image.from_bytes(good)) > 3
    with pytest.raises(kflat.ImageError, match="FLATTEN"):
        kflat.Image.from_bytes(b"no image" * 20)
    with pytest.raises(kflat.ImageError):
        kflat.Image.from_bytes(good[:200])
    with pytest.raises(FileNotFoundError):
        kflat.open(tmp_path / "nothing")
    # However bytes are changed, there is an answer or an exception of ours.
    for at in range(0, len(good), 97):
        damaged = bytearray(good)
        damaged[at] ^= 0xFF
        try:
            for value in kflat.Image.from_bytes(damaged).roots.values():
                value.to_dict(depth=3)
        except (kflat.ImageError, kflat.NotCaptured):
            pass
