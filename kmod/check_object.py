#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What must hold of the module's objects, or the build fails.

    check_object.py panic OBJECT
        OBJECT refers neither to core's panic machinery nor to an allocator, by
        what it defines, calls or leaves to the linker.

    check_object.py stack OBJECT LIMIT ENTRY...
        From no ENTRY on can the functions of OBJECT use more than LIMIT bytes of
        stack: their frames and return addresses, read off the machine code, on
        the deepest path. The kernel's own functions come on top.
"""

import os
import re
import subprocess
import sys

OBJDUMP = os.environ.get("OBJDUMP", "objdump")
NM = os.environ.get("NM", "nm")

# Mangled names hold their path as lengths and words: 9panicking, 5alloc.
FORBIDDEN = re.compile(
    r"9panicking|rust_begin_unwind|rust_eh_personality|_Unwind_|"
    r"__rust_alloc|__rust_realloc|__rust_dealloc|__rg_|"
    r"[0-9]+5alloc5alloc|kflat_shim_panic"
)

SECTION = re.compile(r"^Disassembly of section (.+):$")
FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t(\S+)\s*(.*)$")
RELOCATION = re.compile(r"^\s*[0-9a-f]+: (R_\S+)\s+(\S+?)([-+]0x[0-9a-f]+)?$")
TARGET = re.compile(r"<([^+>]+)(?:\+0x[0-9a-f]+)?>")
CALLS = ("R_X86_64_PLT32", "R_X86_64_PC32", "R_X86_64_32S")
# A call by pointer; one through the kernel's own table (pv_ops) is the kernel's.
UNKNOWN = "?"
INDIRECT = re.compile(r"^(\?|__x86_indirect_thunk_.*)$")
RESERVE = re.compile(r"^\$0x([0-9a-f]+),%rsp")


def fail(message):
    sys.exit(f"check_object.py: {message}")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_panic(path):
    names = [line.split()[-1] for line in run(NM, path).splitlines() if line.strip()]
    found = sorted({name for name in names if FORBIDDEN.search(name)})
    if found:
        fail(f"{path} refers to the panic machinery or an allocator:\n  " + "\n  ".join(found))
    print(f"  CHECK   no panic, no alloc ({len(names)} symbols)")


class Function:
    """A function's frame in bytes, and what it calls."""

    def __init__(self):
        self.frame = 0
        self.calls = set()
        self.indirect = False


def disassemble(path):
    """All functions of an object by name."""
    functions, function, starts = {}, None, {}
    section, name, pending, pushed = "", "", False, 0
    for line in run(OBJDUMP, "-dr", "--no-show-raw-insn", path).splitlines():
        if match := SECTION.match(line):
            section, function = match[1], None
        elif match := FUNCTION.match(line):
            name, pushed, pending = match[2], 0, False
            function = functions.setdefault(name, Function())
            starts.setdefault(section, []).append((int(match[1], 16), name))
        elif function is None:
            continue
        elif match := RELOCATION.match(line):
            if pending and match[1] in CALLS:
                # Relative to the end of its own four bytes.
                offset = int(match[3] or "0", 16) + 4
                function.calls.add((match[2], offset))
            pending = False
        elif match := INSTRUCTION.match(line):
            if pending:
                function.calls.add((pending, 0))
            operation, operands = match[1], match[2]
            pending = False
            if operation.startswith("push"):
                pushed += 8
                function.frame = max(function.frame, pushed)
            elif operation.startswith("sub") and operands.endswith(",%rsp"):
                reserve = RESERVE.match(operands)
                if not reserve:
                    fail(f"{name} reserves stack by a register: its need is unknown")
                pushed += int(reserve[1], 16)
                function.frame = max(function.frame, pushed)
            elif operation.startswith("call") or operation.startswith("j"):
                if operands.startswith("*"):
                    pending = UNKNOWN
                elif target := TARGET.search(operands):
                    # A relocation in the next line knows better.
                    pending = target[1]
    for name, function in functions.items():
        called = {resolve(starts, target, offset) for target, offset in function.calls}
        function.indirect = any(INDIRECT.match(target) for target, _ in called)
        # The kernel's patched branches test a bit there and come back.
        function.calls = {
            call for call in called if call[0] not in (name, ".altinstr_aux")
        }
    return functions


def resolve(starts, target, offset):
    """The function that a call leads to, and whether to its start: relocations may
    name its section."""
    if target not in starts:
        return target, offset == 0
    inside = [(name, start == offset) for start, name in starts[target] if start <= offset]
    if not inside:
        fail(f"nothing is known of what is called at {target}+{offset:#x}")
    return inside[-1]


def deepest(functions, name, path=()):
    """Bytes and names of the deepest path from a function on."""
    if name in path:
        fail("recursion: " + " > ".join(path + (name,)))
    function = functions.get(name)
    if function is None:
        # The kernel's; its frame begins with the return address.
        return 8, [name]
    if function.indirect:
        fail(f"{name} calls by pointer: what it needs is unknown")
    worst = (0, [])
    for callee, at_start in sorted(function.calls):
        # Code that the compiler put aside jumps back to where it belongs.
        if at_start or callee not in path:
            worst = max(worst, deepest(functions, callee, path + (name,)))
    return 8 + function.frame + worst[0], [f"{name} ({function.frame})"] + worst[1]


def check_stack(path, limit, entries):
    functions = disassemble(path)
    for entry in entries:
        names = [name for name in functions if entry in name]
        if not names:
            fail(f"{path} has no function {entry}")
        for name in names:
            need, steps = deepest(functions, name)
            print(f"  CHECK   {need} of {limit} bytes of stack: " + " > ".join(steps))
            if need > limit:
                fail(f"{name} can use {need} bytes of stack; {limit} are allowed")


def main(arguments):
    match arguments:
        case ["panic", path]:
            check_panic(path)
        case ["stack", path, limit, *entries] if entries:
            check_stack(path, int(limit), entries)
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
