"""with_crash.py FOLDER: what crash reads by physical address is what was captured.

The bytes to compare with come from the other core, of the same image, read here as
the ELF file that it is.
"""

import re
import struct
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from values import Comparison


class Core:
    """Memory of an ELF core by virtual address."""

    def __init__(self, path):
        self.file = path.read_bytes()
        table, size, count = struct.unpack_from("<Q14xHH", self.file, 32)
        headers = (
            struct.unpack_from("<IIQQQQ", self.file, table + size * index)
            for index in range(count)
        )
        # Virtual address, offset in the file, bytes.
        self.loads = [(load[3], load[2], load[5]) for load in headers if load[0] == 1]

    def read(self, address, size):
        for start, offset, length in self.loads:
            if start <= address and address + size <= start + length:
                at = offset + address - start
                return self.file[at : at + size]
        raise LookupError(hex(address))


folder = Path(sys.argv[1])
comparison = Comparison(None, folder / "captured.json")
core = Core(folder / "captured.core")
image = comparison.of_kind("image")[0]
target = image["target"]
objects = comparison.of_kind("object")
banner = f"Linux version {image['context']['kernel']}".encode()
commands = [f"sym {target}", f"dis {target} 3", "sym linux_banner", "rd linux_banner 16"]
for event in objects:
    words = event["size"] // 8
    if words:
        commands.append(f"rd -64 {event['address'][2:]} {words}")
commands += ["log", "quit"]
(folder / "crash.commands").write_text("\n".join(commands) + "\n")
ran = subprocess.run(
    ["crash", "--minimal", "-s", "-i", "crash.commands", "vmlinux", "crash.core"],
    cwd=folder,
    capture_output=True,
    text=True,
    errors="replace",
)
(folder / "crash.output").write_text(ran.stdout + ran.stderr)
comparison.expect("status", ran.returncode, 0)

# `rd` prints lines of two words: `address:  word word   text`.
memory = {}
for line in ran.stdout.splitlines():
    found = re.match(r"([0-9a-f]{16}):  ([0-9a-f]{16})(?: ([0-9a-f]{16}))?", line)
    if found:
        for index, word in enumerate(word for word in found.groups()[1:] if word):
            memory[int(found.group(1), 16) + 8 * index] = int(word, 16)
for event in objects:
    start = int(event["address"], 16)
    for index in range(event["size"] // 8):
        at = start + 8 * index
        (expected,) = struct.unpack("<Q", core.read(at, 8))
        comparison.expect(f"{event['path']} at {at:#x}", memory.get(at), expected)

symbols = {name: int(at, 16) for at, name in re.findall(r"([0-9a-f]+) \(.\) (\w+)", ran.stdout)}
# A probe may lie behind an instruction for control-flow protection.
start = int(image["hit"]["probe"], 16) & ~0xF
comparison.expect("sym", symbols.get(target), start)
at = symbols.get("linux_banner", 0)
found = b"".join(memory.get(at + 8 * word, 0).to_bytes(8, "little") for word in range(16))
comparison.expect("the banner", found[: len(banner)], banner)
first = f"0x{start:x} <{target}>:"
comparison.expect("dis", first in ran.stdout, True)

# All that the kernel had told before the capture is in the log, in its order. Of a
# record of several lines crash indents the later ones; dmesg repeats the time.
def said(text):
    return [re.sub(r"^\[ *\d+\.\d+\]", "", line).strip() for line in text.splitlines()]


log, position = said(ran.stdout), 0
for line in said((folder / "dmesg").read_text(errors="replace")):
    is_there = line in log[position:]
    comparison.expect(f"log: {line}", is_there, True)
    if is_there:
        position = log.index(line, position) + 1
sys.exit(comparison.finish(500))
