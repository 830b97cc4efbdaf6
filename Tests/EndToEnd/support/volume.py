"""A small ext4 file system of its own, on a loop mount: to fill, to break and to mount read-only."""

from __future__ import annotations

import fcntl
import os
import pathlib
import struct
import subprocess

import pytest

MEBIBYTE = 1 << 20
# _IOR('X', 125, __u32): every later write fails, what wasn't synced is gone, as with a power cut.
EXT4_IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_WITHOUT_FLUSH = 2


def run(*command: str | pathlib.Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")


class Volume:
    def __init__(self, directory: pathlib.Path, mebibytes: int = 64) -> None:
        self.image = directory / "volume.img"
        self.path = directory / "volume"
        self.path.mkdir()
        with self.image.open("wb") as file:
            file.truncate(mebibytes * MEBIBYTE)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    def mount(self) -> None:
        run("mount", "-o", "loop", self.image, self.path)

    def unmount(self) -> None:
        run("umount", self.path)

    def remount(self, options: str) -> None:
        run("mount", "-o", f"remount,{options}", self.path)

    def cut_power(self) -> None:
        """Fails every write from now on; what wasn't synced is lost."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_WITHOUT_FLUSH))
        finally:
            os.close(descriptor)

    def abort_journal(self) -> None:
        """What ext4 does by itself when its device fails: read-only from now on."""
        self.remount("abort")

    def repair(self) -> None:
        """Mounted again, as an operator would after the device came back."""
        self.unmount()
        # 1: errors corrected, which is what an aborted journal needs.
        done = subprocess.run(["e2fsck", "-p", str(self.image)], capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        self.mount()

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], capture_output=True, timeout=60)


@pytest.fixture
def volume(directory):
    if os.geteuid() != 0:
        pytest.skip("a loop mount needs root")
    try:
        made = Volume(directory)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"loop mounts don't work here: {error}")
    yield made
    made.remove()
