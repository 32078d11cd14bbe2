"""What the processor under the models can do, and how much memory its libraries may keep."""

from __future__ import annotations

import contextlib
import ctypes
import os

import torch


def has_bf16(device: str) -> bool:
    """bfloat16 pays only where the chip multiplies it itself; elsewhere it is emulated and slow."""
    if device != "cpu":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


KERNELS_KEPT = "32"
"""Compiled kernels that the CPU library keeps, one a shape; its default of 1,024 grows by a gigabyte."""


def frugal() -> None:
    """Keep memory small over a long life; call it before the first model runs.

    A no-op where the C library has no such calls, as on macOS or musl.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, KERNELS_KEPT)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, 2)


def give_back() -> None:
    """Return freed memory to the system, after work that needed much for a moment."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_M_ARENA_MAX = -8
"""From malloc.h of glibc: how many memory pools threads may have between them."""
