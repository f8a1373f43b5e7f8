"""Memory that never moves: address space reserved once, backed by pages only where it was written."""

from __future__ import annotations

import mmap

PAGE = mmap.PAGESIZE
_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)


def reserve(size: int, huge_pages: bool = False) -> mmap.mmap:
    """Return `size` zero bytes of address space (rounded up to whole pages) that cost nothing until written.

    With `huge_pages` the kernel is asked for pages of 2 MiB: faster where much is used, dearer where little is.
    """
    space = mmap.mmap(-1, -(-max(size, 1) // PAGE) * PAGE, flags=_FLAGS)
    if huge_pages and hasattr(mmap, "MADV_HUGEPAGE"):
        space.madvise(mmap.MADV_HUGEPAGE)
    return space
