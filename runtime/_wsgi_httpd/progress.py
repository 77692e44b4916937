"""The progress map: which requests application code has seen, in a file that outlives the process.

Each control lane has a region of 4096 numbers. A thread stores a request's id at `id & 4095` before the application
runs. After a crash the worker reads the file and gives every other request to another process.
"""
import mmap
import struct

REGION_NUMBERS = 4096
REGION_BYTES = REGION_NUMBERS * 4
FILE_BYTES = 1024 * 1024
REGIONS = FILE_BYTES // REGION_BYTES


class Progress(object):
    def __init__(self, fd):
        self.map = mmap.mmap(fd, FILE_BYTES) if fd is not None else None

    def region(self, number):
        """Something to store ids into; not shared with anybody where there is no file or no region."""
        if self.map is None or number < 0:
            return [0] * REGION_NUMBERS
        start = number * REGION_BYTES
        try:
            return memoryview(self.map)[start:start + REGION_BYTES].cast('I')
        except (AttributeError, TypeError):
            return PackedRegion(self.map, start)

    def clear(self, number):
        if self.map is not None and number >= 0:
            start = number * REGION_BYTES
            self.map[start:start + REGION_BYTES] = b'\0' * REGION_BYTES


class PackedRegion(object):
    """The same for Python 2.7, whose memoryview has no `cast`."""

    def __init__(self, mapped, start):
        self.mapped = mapped
        self.start = start

    def __setitem__(self, index, value):
        struct.pack_into('=I', self.mapped, self.start + index * 4, value)
