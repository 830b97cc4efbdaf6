"""The binary in the emptiest container: its own file, glibc, libstdc++ and libgcc, user 65532, a writable /data."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from support.engine import PATIENCE_SECONDS, binary, config_text, free_port
from support.rawsocket import RawWorker
from support.waiting import eventually

USER = 65532
# What the base image (distroless cc) brings.
ALLOWED = {
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libresolv.so.2",
    "libutil.so.1",
    "libstdc++.so.6",
    "libgcc_s.so.1",
}
pytestmark = pytest.mark.skipif("debug" in str(binary()), reason="debug builds link Swift's libraries dynamically")


def libraries() -> dict[str, pathlib.Path]:
    """Name and path of every shared library that the binary needs."""
    listing = subprocess.run(["ldd", binary()], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listing.splitlines():
        if match := re.search(r"(/\S+) \(0x", line):
            found[pathlib.Path(line.split()[0]).name] = pathlib.Path(match[1])
        else:
            assert "linux-vdso" in line, line
    return found


def test_needs_only_what_the_base_image_has():
    assert set(libraries()) <= ALLOWED


@pytest.fixture
def root(directory) -> pathlib.Path:
    """A root file system with nothing else in it."""
    tree = directory / "root"
    for name, path in libraries().items():
        # The loader's path is in the binary; the others are found in the loader's default directories.
        place = path if name.startswith("ld-linux") else pathlib.Path("/lib") / path.parent.name / name
        target = tree / str(place).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path.resolve(), target)
    (tree / "app").mkdir()
    shutil.copy(binary(), tree / "app/iii")
    (tree / "data").mkdir()
    os.chown(tree / "data", USER, USER)
    return tree


def in_root(root: pathlib.Path, *arguments: str) -> list[str]:
    # Its path, since the environment will be empty.
    chroot = shutil.which("chroot", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert chroot, "chroot isn't installed"
    return [chroot, f"--userspec={USER}:{USER}", str(root), "/app/iii", *arguments]


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_serves_in_an_empty_root_as_another_user(root):
    worker_port, http_port = free_port(), free_port()
    (root / "app/config.yaml").write_text(config_text(worker_port, http_port, pathlib.Path("/data/store")))
    health = in_root(root, "health", "--address", "127.0.0.1", "--port", str(worker_port))
    # As in a container: no terminal, nothing in the environment.
    for start in range(2):
        child = subprocess.Popen(
            in_root(root, "--config", "/app/config.yaml"), env={}, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        try:

            def is_healthy() -> bool:
                if child.poll() is not None:
                    pytest.fail(f"the engine ended with {child.returncode}")  # `eventually` doesn't wait on
                return subprocess.run(health, env={}, capture_output=True, timeout=PATIENCE_SECONDS).returncode == 0

            eventually(is_healthy, "health exits 0")
            worker = RawWorker(worker_port)
            key = {"scope": "s", "key": "k"}
            assert worker.call("state::get", key) == (start or None)
            worker.call("state::set", {**key, "value": start + 1})
            child.send_signal(signal.SIGTERM)
            assert child.wait(PATIENCE_SECONDS) == 0
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    assert subprocess.run(health, env={}, capture_output=True, timeout=PATIENCE_SECONDS).returncode == 1
