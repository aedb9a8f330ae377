"""Classical inpainting of one tile or window, in floating point or 16 bits: what `filling` compares the model with."""

import cv2
import numpy as np


def paint(method: str, picture: np.ndarray, hole: np.ndarray, unknown: np.ndarray, variants: int,
          at: tuple[int, int]) -> np.ndarray:
    """A tile, (H, W, 3) float32 in [0, 1], filled by "telea", "ns" or "biharmonic" where it is unknown: (1, H, W, 3)."""
    if method == "biharmonic":
        from skimage.restoration import inpaint_biharmonic

        return inpaint_biharmonic(np.where(unknown[..., None], 0, picture), unknown, channel_axis=-1).clip(0, 1)[None]
    way = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}[method]
    # OpenCV looks at what lies in the hole, here and there.
    deep = (np.where(unknown[..., None], 0.5, picture) * 65535).round().astype(np.uint16)
    channels = [cv2.inpaint(np.ascontiguousarray(deep[..., c]), unknown.astype(np.uint8), 3, way) for c in range(3)]
    return np.stack(channels, 2).astype(np.float32)[None] / 65535


def patchmatch(picture: np.ndarray, hole: np.ndarray, guide: np.ndarray, source: np.ndarray) -> np.ndarray:
    """PatchMatch's own inpainting (Barnes et al. 2009) by the package pypatchmatch, in 8 bits."""
    from patchmatch import patch_match

    patch_match.set_random_seed(0)
    shown = (np.broadcast_to(picture, (*hole.shape, 3)) * 255).round().clip(0, 255).astype(np.uint8)
    filled = patch_match.inpaint(np.ascontiguousarray(shown), hole.astype(np.uint8) * 255, patch_size=7)
    return filled[..., :picture.shape[2]].astype(np.float32) / 255
