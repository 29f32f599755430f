"""Compares what a debugger reads in an exported core with `kflat show --json`.

A debugger is an object with these methods; handles are its own values:
    at(type, address), member(handle, name), element(handle, index)
    number(handle), bytes(handle), address_of(symbol), read(address, size)
"""

import json


class Comparison:
    def __init__(self, debugger, path):
        self.debugger = debugger
        with open(path) as lines:
            self.events = [json.loads(line) for line in lines]
        self.same = 0
        self.differences = []

    def of_kind(self, kind):
        return [event for event in self.events if event["event"] == kind]

    def objects(self):
        """Every value of every object."""
        for event in self.of_kind("object"):
            address = int(event["address"], 16)
            if isinstance(event["value"], str):
                self.text(event["path"], address, event["value"])
            elif event["count"] == 1:
                handle = self.debugger.at(event["type"], address)
                self.value(event["path"], handle, event["value"])

    def expect(self, path, found, expected):
        if found == expected:
            self.same += 1
        else:
            self.differences.append(f"{path}: {found!r}, not {expected!r}")

    def text(self, path, address, expected):
        expected = expected.encode() + b"\0"
        self.expect(path, self.debugger.read(address, len(expected)), expected)

    def value(self, path, handle, expected):
        debugger = self.debugger
        if isinstance(expected, list):
            for index, element in enumerate(expected):
                if element == {}:
                    continue
                self.value(f"{path}[{index}]", debugger.element(handle, index), element)
        elif isinstance(expected, str):
            found = debugger.bytes(handle).split(b"\0")[0]
            self.expect(path, found.decode(errors="replace"), expected)
        elif not isinstance(expected, dict):
            # NULL is 0, a `bool` a number.
            self.expect(path, debugger.number(handle), int(expected or 0))
        elif "int" in expected:
            self.expect(path, debugger.number(handle), int(expected["int"]))
        elif "enum" in expected:
            self.expect(path, debugger.number(handle), expected["value"])
        elif set(expected) == {"bytes"}:
            self.expect(path, debugger.bytes(handle).hex(), expected["bytes"])
        elif "function" in expected:
            name, _, offset = expected["function"].partition("+0x")
            address = debugger.address_of(name) + int(offset or "0", 16)
            self.expect(path, debugger.number(handle), address)
        elif "address" in expected and set(expected) & {"object", "reason"}:
            address = int(expected["address"], 16)
            self.expect(path, debugger.number(handle), address)
            if "text" in expected:
                self.text(f"*{path}", address, expected["text"])
        elif not set(expected) & {"list", "missing", "cut"}:
            for name, inner in expected.items():
                self.value(f"{path}.{name}", debugger.member(handle, name), inner)

    def finish(self, least):
        """Ends in success if at least so many values were compared and no two differ."""
        for difference in self.differences[:20]:
            print(difference)
        print(f"{self.same} values are the same, {len(self.differences)} are not")
        return 0 if self.same >= least and not self.differences else 1
