"""gdb -x captured.core.gdb -ex 'vmlinux vmlinux' -x with_gdb.py; the JSON is $json"""

import os
import sys
from pathlib import Path

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from values import Comparison


class Gdb:
    def at(self, type_name, address):
        pointer = gdb.lookup_type(type_name).pointer()
        return gdb.Value(address).cast(pointer).dereference()

    def member(self, handle, name):
        return handle[name]

    def element(self, handle, index):
        # `handle[index]` is refused for what it takes to be a vector.
        pointer = gdb.Value(int(handle.address)).cast(handle.type.target().pointer())
        return (pointer + index).dereference()

    def number(self, handle):
        return int(handle)

    def bytes(self, handle):
        return self.read(int(handle.address), handle.type.sizeof)

    def read(self, address, size):
        return gdb.selected_inferior().read_memory(address, size).tobytes()

    def address_of(self, symbol):
        return int(gdb.parse_and_eval(f"(unsigned long)&'{symbol}'"))


comparison = Comparison(Gdb(), os.environ["KFLAT_JSON"])
comparison.objects()

image = comparison.of_kind("image")[0]
frame = gdb.newest_frame()
for name, value in image["hit"]["registers"].items():
    register = "eflags" if name == "rflags" else name
    found = int.from_bytes(frame.read_register(register).bytes, "little")
    comparison.expect(name, found, int(value, 16))
comparison.expect("the probed function", frame.name(), image["target"])
name = gdb.parse_and_eval("((struct file *)$rdi)->f_path.dentry->d_name.name")
comparison.expect("name", name.string(), "hostname")

# What was not captured is an error, not zeros.
try:
    absent = int(gdb.parse_and_eval("((struct file *)$rdi)->f_cred->uid.val"))
    comparison.differences.append(f"file->f_cred was not captured, but is {absent}")
except gdb.MemoryError:
    comparison.same += 1
status = comparison.finish(500)
gdb.execute(f"quit {status}")
