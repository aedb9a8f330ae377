"""Classical inpainting methods, with the signature that every method of the study has.

A method takes pictures (N, 3, H, W) float32 in [-1, 1] and masks (N, 1, H, W), 1 in the hole, and gives composites of the
same shape: the known pixels unchanged, the hole filled. What the pictures hold inside the hole is never used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # at run time only where tensors are: processes of workers start without it
    import torch


def mean_colour(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Each hole in the mean colour of its picture's known pixels (grey where nothing is known)."""
    known = pictures.masked_fill(masks > 0, 0)
    mean = known.sum((2, 3), keepdim=True) / (1 - masks).sum((2, 3), keepdim=True).clamp(min=1)
    return known + mean * masks


def telea(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Fast marching (Telea 2004), OpenCV, radius 3 pixels."""
    import cv2

    return _each(partial(cv2.inpaint, inpaintRadius=3, flags=cv2.INPAINT_TELEA), pictures, masks)


def navier_stokes(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Fluid dynamics along isophotes (Bertalmio et al. 2001), OpenCV, radius 3 pixels."""
    import cv2

    return _each(partial(cv2.inpaint, inpaintRadius=3, flags=cv2.INPAINT_NS), pictures, masks)


def biharmonic(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The biharmonic equation with the known pixels as its border (Damelin and Hoang 2018), scikit-image."""
    return _each(_biharmonic, pictures, masks, prefer="processes")


METHODS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mean colour": mean_colour,
    "Telea": telea,
    "Navier-Stokes": navier_stokes,
    "biharmonic": biharmonic,
}


def _each(solve: Callable, pictures: torch.Tensor, masks: torch.Tensor, prefer: str = "threads") -> torch.Tensor:
    """Apply `solve(uint8 (H, W, 3), uint8 (H, W)) -> uint8 (H, W, 3)` to each picture, holes greyed out beforehand.

    OpenCV lets go of Python's lock; scikit-image holds it, and prefers processes.
    """
    import torch
    from joblib import Parallel, delayed

    known = pictures.masked_fill(masks > 0, 0)
    damaged = (known.clamp(-1, 1) * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    holes = masks[:, 0].byte().cpu().numpy()
    filled = damaged.copy()
    torn = [index for index, hole in enumerate(holes) if hole.any() and not hole.all()]
    workers = torch.get_num_threads() if len(torn) > 16 else 1
    tasks = (delayed(solve)(np.ascontiguousarray(damaged[index]), holes[index]) for index in torn)
    solved = Parallel(workers, prefer=prefer)(tasks)
    for index, picture in zip(torn, solved, strict=True):
        filled[index] = picture
    filled = torch.from_numpy(filled).permute(0, 3, 1, 2).to(pictures) / 127.5 - 1
    return known + filled * masks


def _biharmonic(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    from skimage.restoration import inpaint_biharmonic

    solved = inpaint_biharmonic(picture, hole.astype(bool), channel_axis=-1)
    return (solved * 255).round().clip(0, 255).astype(np.uint8)

