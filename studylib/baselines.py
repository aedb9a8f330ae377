"""Classical inpainting methods, with the signature that every method of the study has.

A method takes pictures (N, 3, H, W) float32 in [-1, 1] and masks (N, 1, H, W), 1 in the hole, and gives composites of the
same shape: the known pixels unchanged, the hole filled. What the pictures hold inside the hole is never used.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch


def mean_colour(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Each hole in the mean colour of its picture's known pixels (grey where nothing is known)."""
    known = torch.where(masks > 0, 0, pictures)
    mean = known.sum((2, 3), keepdim=True) / (1 - masks).sum((2, 3), keepdim=True).clamp(min=1)
    return known + mean * masks


def telea(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Fast marching (Telea 2004), OpenCV, radius 3 pixels."""
    import cv2

    return _each(lambda picture, hole: cv2.inpaint(picture, hole, 3, cv2.INPAINT_TELEA), pictures, masks)


def navier_stokes(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Fluid dynamics along isophotes (Bertalmio et al. 2001), OpenCV, radius 3 pixels."""
    import cv2

    return _each(lambda picture, hole: cv2.inpaint(picture, hole, 3, cv2.INPAINT_NS), pictures, masks)


def biharmonic(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The biharmonic equation with the known pixels as its border (Damelin and Hoang 2018), scikit-image."""
    from skimage.restoration import inpaint_biharmonic

    def solve(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
        solved = inpaint_biharmonic(picture, hole.astype(bool), channel_axis=-1)
        return (solved * 255).round().clip(0, 255).astype(np.uint8)

    return _each(solve, pictures, masks)


METHODS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mean colour": mean_colour,
    "Telea": telea,
    "Navier-Stokes": navier_stokes,
    "biharmonic": biharmonic,
}


def _each(solve: Callable, pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Apply `solve(uint8 (H, W, 3), uint8 (H, W)) -> uint8 (H, W, 3)` to each picture, holes greyed out beforehand."""
    known = torch.where(masks > 0, 0, pictures)
    damaged = (known.clamp(-1, 1) * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    holes = masks[:, 0].byte().cpu().numpy()

    def one(index: int) -> np.ndarray:
        if not holes[index].any() or holes[index].all():
            return damaged[index]
        return solve(np.ascontiguousarray(damaged[index]), holes[index])

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        filled = np.stack(list(pool.map(one, range(len(holes)))))
    filled = torch.from_numpy(filled).permute(0, 3, 1, 2).to(pictures) / 127.5 - 1
    return known + filled * masks
