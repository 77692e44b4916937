"""`wsgi.file_wrapper`: iterates a file in blocks, and lets the server see when it is a regular file."""
import os
import stat


class FileWrapper(object):
    """`FileWrapper(filelike, blksize=8192)`; the file is closed with the response."""

    def __init__(self, filelike, blksize=8192):
        if blksize < 0:
            raise ValueError('blksize must not be negative')
        self.filelike = filelike
        self.blksize = blksize

    def __iter__(self):
        return self

    def __next__(self):
        data = self.filelike.read(self.blksize)
        if data:
            return data
        raise StopIteration

    next = __next__

    def close(self):
        try:
            method = self.filelike.close
        except AttributeError:
            return
        try:
            method()
        except Exception:
            pass


def regular_file(file):
    """(descriptor, offset, bytes from there to the end) where `file` is a regular file on disk, else None."""
    try:
        # A text file counts characters where we count bytes; iteration then reports the mistake.
        if getattr(file, 'encoding', None) is not None and not isinstance(file.read(0), bytes):
            return None
        fd = file.fileno()
        offset = file.tell()
        details = os.fstat(fd)
    except Exception:
        return None
    if not stat.S_ISREG(details.st_mode) or not isinstance(offset, int if str is not bytes else (int, long)):  # noqa: F821
        return None
    return fd, offset, max(details.st_size - offset, 0)
