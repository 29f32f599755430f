"""Members, elements, strings and numbers."""

import json
import stat

import kflat
import pytest


def test_members_are_attributes_through_pointers(vfs_read):
    file = vfs_read.roots["file"]
    assert file.type_ == "struct file *"
    assert file.f_path.dentry.d_name.name.string() == "hostname"
    assert file["f_path"]["dentry"]["d_name"]["len"] == len("hostname")
    assert vfs_read.path("file.f_path.dentry->d_name.name").string() == "hostname"
    assert vfs_read.roots[0] == file == vfs_read.roots[-1]


def test_two_ways_to_one_object(vfs_read):
    file = vfs_read.roots["file"]
    inode = file.f_inode.deref_()
    assert file.f_path.dentry.d_inode.deref_() == inode
    assert int(file.f_inode) == inode.address_
    assert vfs_read.at(inode.address_) == inode
    assert vfs_read.at(inode.address_ + 8) == inode


def test_numbers(vfs_read):
    inode = vfs_read.roots["file"].f_inode
    assert stat.S_ISREG(int(inode.i_mode))
    assert inode.i_size == len("kflat-guest\n")
    assert int.from_bytes(inode.i_size.bytes_(), "little") == int(inode.i_size)
    assert hex(inode.i_ino) == hex(int(inode.i_ino))
    assert 0 < inode.i_size < 4096 and inode.i_size != 0 and inode.i_size != inode.i_nlink
    assert inode.i_data != inode.i_rwsem and inode.i_data == inode.i_data
    with pytest.raises(TypeError):
        inode.i_data < inode.i_data
    assert not inode.i_pipe and inode.i_sb


def test_functions_are_symbols(vfs_read):
    read = vfs_read.roots["file"].f_op.read_iter
    assert read.symbol_.endswith("_file_read_iter")
    assert read.value_() == read.symbol_
    with pytest.raises(TypeError, match="is the function"):
        int(read)


def test_lists_are_iterated_as_lists(modules, images):
    head = modules.roots["modules"]
    names = [module.name.string() for module in head]
    assert names == (images / "modules.txt").read_text().split()
    assert len(head) == len(names)
    assert head[0].name.string() == names[0]
    assert head[-1].name.string() == names[-1]
    with pytest.raises(IndexError, match=f"has {len(names)}"):
        head[len(names)]


def test_what_was_not_captured_says_so(vfs_read):
    file = vfs_read.roots["file"]
    with pytest.raises(kflat.NotCaptured, match="was not captured"):
        file.f_cred.uid
    with pytest.raises(kflat.NotCaptured, match="NULL"):
        file.private_data.deref_()


def test_wrong_names_tell_the_right_ones(vfs_read):
    file = vfs_read.roots["file"]
    with pytest.raises(AttributeError, match="f_inode"):
        file.f_inodes
    with pytest.raises(KeyError, match="there are: file"):
        vfs_read.roots["files"]
    assert not hasattr(file, "_repr_html_")
    assert "f_path" in dir(file) and "to_dict" in dir(file)


def test_to_dict_is_plain(vfs_read):
    file = vfs_read.roots["file"]
    told = file.to_dict(depth=2)
    assert told["f_path"]["dentry"]["d_name"]["name"] == "hostname"
    assert told["f_inode"]["i_size"] == file.f_inode.i_size
    assert json.loads(json.dumps(told)) == told
    # Pointers that are not followed are addresses.
    assert file.to_dict(depth=0)["f_inode"] == int(file.f_inode)


def test_cycles_end(modules):
    told = modules.roots["modules"].to_dict(depth=64)
    assert [module["name"] for module in told] == [
        module.name.string() for module in modules.roots["modules"]
    ]
