"""What the processor under the models can do."""

from __future__ import annotations

import torch


def has_bf16(device: str) -> bool:
    """bfloat16 pays only where the chip multiplies it itself; elsewhere it is emulated and slow."""
    if device != "cpu":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
