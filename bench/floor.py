"""The floor under a training step: what its matrix operations and their memory traffic must take on this machine.

The machine's own rates are measured in the same run. Each matrix operation of a step takes at least its floating-point
operations over the rate of a large operation of its kind and type, and at least its operands' bytes, each read or written
once, over the rate of a large copy; Adam reads and writes seven float32 values a weight. What lies between the matrix
operations (activations, losses, masks) counts as free. (Williams et al. 2009, the roofline model.)
"""

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


def seconds(task: Callable[[], object], device: str, repeats: int = 5, warm_up: int = 2) -> list[float]:
    """Wall-clock seconds of each repeat, the warm-up left out."""
    taken = []
    for _ in range(warm_up + repeats):
        if device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        task()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return taken[warm_up:]


def rates(device: str) -> dict:
    """{("convolution" or "product", dtype): operations a second, "copy": bytes a second}, the median of five each."""
    large = device == "cuda"
    measured = {}
    for dtype in (torch.float32, torch.bfloat16):
        picture = torch.randn(256 if large else 16, 256, 32, 32, device=device, dtype=dtype).to(memory_format=torch.channels_last)
        kernel = torch.randn(256, 256, 3, 3, device=device, dtype=dtype).to(memory_format=torch.channels_last)
        taken = statistics.median(seconds(lambda a=picture, b=kernel: F.conv2d(a, b, padding=1), device))
        measured["convolution", dtype] = 2 * picture.numel() * 256 * 9 / taken
        matrix = torch.randn(8192 if large else 2048, 8192 if large else 2048, device=device, dtype=dtype)
        taken = statistics.median(seconds(lambda a=matrix: a @ a, device))
        measured["product", dtype] = 2 * len(matrix)**3 / taken
    block = torch.zeros(2**28 if large else 2**26, device=device)
    target = torch.empty_like(block)
    measured["copy"] = 2 * block.numel() * 4 / statistics.median(seconds(lambda: target.copy_(block), device))
    return measured


class Ledger(TorchDispatchMode):
    """Adds up what the matrix operations under it must take at the given rates.

    Attributes:
        operations: floating-point operations.
        bytes: of all operands, read or written once each.
        floor: seconds.
    """

    def __init__(self, measured: dict):
        super().__init__()
        self.measured, self.operations, self.bytes, self.floor = measured, 0, 0, 0.0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        count = flop_registry.get(function.overloadpacket)
        if count:
            operands = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
            kind = "convolution" if "convolution" in str(function) else "product"
            self.add(count(*args, **(kwargs or {}), out_val=result), operands, kind)
        return result

    def add(self, operations: int, operands: list[torch.Tensor], kind: str) -> None:
        size = sum(operand.numel() * operand.element_size() for operand in operands)
        dtype = torch.bfloat16 if operands[0].dtype == torch.bfloat16 else torch.float32
        self.operations += operations
        self.bytes += size
        self.floor += max(operations / self.measured[kind, dtype], size / self.measured["copy"])


def of_step(step: Callable[[], object], weights: int, measured: dict) -> Ledger:
    """The ledger of one training step of networks with so many weights in all, Adam included."""
    with Ledger(measured) as ledger:
        step()
    ledger.bytes += 28 * weights
    ledger.floor += 28 * weights / measured["copy"]
    return ledger
