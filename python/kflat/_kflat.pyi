from collections.abc import Iterator
from os import PathLike
from typing import Any, Literal, final

__all__ = ["Image", "ImageError", "NotCaptured", "Roots", "Value"]

class ImageError(Exception):
    """A file that is not a usable image, or lacks what was asked of it."""

class NotCaptured(LookupError):
    """What a pointer leads to is not in the image, and the message says why."""

@final
class Image:
    """A flattened image. ``memoryview(image)`` is its memory, without a copy."""

    @staticmethod
    def open(path: str | PathLike[str]) -> Image:
        """Reads and checks the image in the file ``path``."""

    @staticmethod
    def from_bytes(data: bytes) -> Image:
        """Checks the image in ``data``, which is copied."""

    @property
    def roots(self) -> Roots:
        """What the recipe began with."""

    @property
    def objects(self) -> list[Value]:
        """The captured objects, in the order of their capture."""

    @property
    def memory(self) -> memoryview:
        """The captured memory, read only, without a copy."""

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Original addresses that are in the image: ``(address, size)``, ascending."""

    @property
    def context(self) -> dict[str, str | int]:
        """What is known of the capture and its kernel."""

    @property
    def recipe(self) -> str | None:
        """The recipe's text."""

    @property
    def vmcoreinfo(self) -> str | None:
        """What debuggers want to know of the kernel: ``KEY=VALUE`` lines."""

    @property
    def diagnostics(self) -> list[dict[str, str | int]]:
        """What was not captured and why."""

    @property
    def warnings(self) -> list[str]:
        """What of the file is damaged and was passed over."""

    def path(self, text: str) -> Value:
        """What a path leads to: ``file.f_path.dentry->d_name.name``."""

    def at(self, address: int) -> Value:
        """The object that was at the original ``address``, or around it."""

    def read(self, address: int, size: int) -> bytes:
        """The bytes at an original address, pointers with the values they had."""

    def export_elf(
        self, path: str | PathLike[str], profile: Literal["drgn", "crash"] = "drgn"
    ) -> None:
        """Writes an ELF core, readable by its owner only."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Roots:
    """The roots of an image: a mapping by name, and by position."""

    def __len__(self) -> int: ...
    def __contains__(self, key: str, /) -> bool: ...
    def __getitem__(self, key: str | int, /) -> Value: ...
    def __iter__(self) -> Iterator[str | None]: ...
    def keys(self) -> list[str | None]: ...
    def values(self) -> list[Value]: ...
    def items(self) -> list[tuple[str | None, Value]]: ...

@final
class Value:
    """A place in an image, with its type. Members are attributes, through pointers
    too; all else ends in an underscore, but for ``string()`` and ``to_dict()``."""

    def __getattr__(self, name: str) -> Value: ...
    def __getitem__(self, key: str | int, /) -> Value: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Value]: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __float__(self) -> float: ...
    def __bool__(self) -> bool: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __lt__(self, value: Any, /) -> bool: ...
    def __le__(self, value: Any, /) -> bool: ...
    def __gt__(self, value: Any, /) -> bool: ...
    def __ge__(self, value: Any, /) -> bool: ...
    def string(self) -> str:
        """The string it is, or leads to, up to its NUL."""

    def to_dict(self, depth: int = 3) -> Any:
        """All of it as ``dict``, ``list``, ``str``, ``int``. Pointers are followed
        ``depth`` times, each object once."""

    @property
    def type_(self) -> str:
        """Its type, as C writes it."""

    @property
    def kind_(
        self,
    ) -> Literal[
        "struct", "union", "array", "list", "int", "bool", "char", "enum", "float",
        "pointer", "bytes", "missing",
    ]:
        """What it is."""

    @property
    def symbol_(self) -> str | None:
        """The symbol of a function pointer."""

    @property
    def address_(self) -> int | None:
        """The address it had in the kernel; ``None`` for a root."""

    @property
    def offset_(self) -> int | None:
        """Where it is in ``Image.memory``; ``None`` for a root."""

    @property
    def size_(self) -> int:
        """Its bytes, how many."""

    def value_(self) -> int | float | bool | str | None:
        """A number, ``bool``, address or function's symbol."""

    def names_(self) -> list[str]:
        """The names that an enum's value is made of."""

    def deref_(self) -> Value:
        """What a pointer leads to."""

    def members_(self) -> list[str]:
        """The names of its members, or of those of what it points to."""

    def bytes_(self) -> bytes:
        """A copy of its bytes, as they are in the image."""

    def buffer_(self) -> memoryview:
        """Its bytes, without a copy."""
