"""drgn -c captured.core -s vmlinux with_drgn.py captured.json"""

import sys
from pathlib import Path

import drgn
from drgn import Object, TypeKind, sizeof

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from values import Comparison


class Drgn:
    def at(self, type_name, address):
        return Object(prog, type_name, address=address)

    def member(self, handle, name):
        return handle.member_(name)

    def element(self, handle, index):
        return handle[index]

    def number(self, handle):
        return int(handle.value_())

    def bytes(self, handle):
        return prog.read(handle.address_, sizeof(handle))

    def read(self, address, size):
        return prog.read(address, size)

    def address_of(self, symbol):
        return prog.symbol(symbol).address


comparison = Comparison(Drgn(), sys.argv[1])
comparison.objects()

image = comparison.of_kind("image")[0]
context, hit = image["context"], image["hit"]
release = prog["UTS_RELEASE"].string_().decode()
comparison.expect("release", release, context["kernel"])
# It is its registers' thread that was hit.
where = prog.symbol(int(hit["probe"], 16)).name
comparison.expect("the probed function", where, image["target"])
# The beginning of a story that users tell.
file = Object(prog, "struct file *", int(comparison.of_kind("root")[0]["address"], 16))
comparison.expect("name", file.f_path.dentry.d_name.name.string_(), b"hostname")

# What was not captured is an error, not zeros.
try:
    absent = file.f_cred.uid.val.value_()
    comparison.differences.append(f"file->f_cred was not captured, but is {absent}")
except drgn.FaultError:
    comparison.same += 1
sys.exit(comparison.finish(500))
