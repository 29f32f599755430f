"""The tests look at images that were captured in a guest: ``KFLAT_IMAGES`` says where."""

import os
from pathlib import Path

import kflat
import pytest


@pytest.fixture(scope="session")
def images() -> Path:
    return Path(os.environ["KFLAT_IMAGES"])


@pytest.fixture(scope="session")
def vfs_read(images: Path) -> kflat.Image:
    """``head -n1 /etc/hostname``, stopped where it reads."""
    return kflat.open(images / "vfs_read.img")


@pytest.fixture(scope="session")
def modules(images: Path) -> kflat.Image:
    """The kernel's list of modules."""
    return kflat.open(images / "modules.img")
