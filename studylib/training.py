"""Training a generator against a discriminator, on pictures that lie on the device as one uint8 tensor.

Which pictures, masks and mirrorings an update sees is a function of (seed, update) alone, so a continued run is the same
run. A checkpoint is continued only by the same parameters, pictures, code, versions and kind of device.
"""

import contextlib
import copy
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from studylib import losses, masks, metrics, networks, optimisers, records, restoration, vgg
from studylib.parameters import ParameterError, Parameters

# Seeds of the study's mask streams, apart from each other and from any run's own seed.
_TRAIN_STREAM, _TEST_STREAM = 1 << 32, 2 << 32
# Streams of draws apart from those of the mask families, which are numbered from 0.
_ORDER, _MIRROR, _CROP, _CHANGE = 100, 101, 102, 103
_FIXED_HOLE = (0.08, 0.095)  # hole ratio of the original's one mask
_WIDE = (0.02, 0.6)  # hole ratios of `train_wide`
_AHEAD, _PIXELS = 16, 2**24  # updates whose masks and fillings a GPU makes at once, if they have no more pixels than that
_WARM = 3  # updates before one is recorded as a CUDA graph
_LOOK = 50  # updates between two looks at the losses, which wait on the device until then
_PAUSE = 600  # seconds after which a checkpoint is written even between two validations
_ASIDE = 600  # seconds that a finished run's checkpoint is kept
_EXPLODED = 1e6  # a loss that stays beyond; healthy ones stay below 100
_WON = 500  # updates in which a discriminator errs by less than 1e-6 and its gradient is nil, before it has won for good

_ABOUT = ("generator", "size", "width", "blocks", "upsampling", "mask_input", "skips", "norm", "fill")
_CURVES = ("generator", "reconstruction", "discriminator_real", "discriminator_fake")


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what was kept."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, without the way it took."""
        return [f"TrainingError: {self}"]


@dataclass
class Trained:
    """What a training gives: the generator (its moving average where one was asked for) and how it went."""

    generator: nn.Module
    fill: str
    updates: int
    seconds: float
    history: dict[str, list[float]] = field(default_factory=dict)
    validation: list[tuple[int, float]] = field(default_factory=list)
    fit: list[tuple[int, float]] = field(default_factory=list)
    flips: bool = False

    def curves(self, points: int = 100) -> dict[str, list[float]]:
        """The loss curves as means over at most `points` windows of updates; "update" holds each window's last update."""
        window = max(1, -(-self.updates // points))
        ends = range(window, self.updates + 1, window)
        thin = {name: [round(sum(curve[end - window:end]) / window, 5) for end in ends] for name, curve in self.history.items()}
        return {"update": list(ends), **thin}

    @property
    def inpaint(self):
        """The method: (pictures, masks) -> composites."""
        return networks.inpainter(self.generator, self.fill, flips=self.flips)


def device_of(asked: Parameters) -> str:
    """"cuda" or "cpu"."""
    if asked.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked.device == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device = 'cuda': there is no GPU here that torch can use; 'auto' takes one where there is.")
    return asked.device


def precision_of(asked: Parameters, device: str) -> torch.dtype:
    """What the networks compute in. "auto" is bfloat16 where the hardware computes in it, and float32 elsewhere."""
    if asked.precision != "auto":
        return torch.bfloat16 if asked.precision == "bf16" else torch.float32
    if device == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = any(has() for has in (torch.cpu._is_avx512_bf16_supported, torch.cpu._is_amx_tile_supported))
    return torch.bfloat16 if native else torch.float32


def batches(asked: Parameters, pictures: int) -> int:
    """Mini-batches in an epoch. A last one of a single picture is left out: batch normalisation cannot learn from it."""
    return max(1, -(-(pictures - 1) // asked.batch))


def planned_updates(asked: Parameters, pictures: int) -> int:
    """Number of optimiser updates of a run: epochs times updates an epoch, capped, times effort, within the limit."""
    if not asked.epochs:
        return 0
    planned = asked.epochs * (1 if asked.updates == "epoch" else batches(asked, pictures))
    if asked.max_updates:
        planned = min(planned, asked.max_updates)
    planned = max(1, round(planned * asked.effort))
    return min(planned, asked.limit_updates) if asked.limit_updates else planned


def mask_folder(asked: Parameters) -> Path | None:
    """The folder of irregular masks, relative to the repository; None: procedural stand-ins."""
    return records.ROOT / Path(asked.mask_root).expanduser() if asked.mask_root else None


def training_masks(asked: Parameters, count: int, start: int, device: str) -> torch.Tensor:
    """Masks start .. start + count - 1 of a training: (count, 1, size, size). With `fixed_mask` they are one and the same.

    Families take turns; one that is named twice comes twice as often.
    The fixed mask's hole is between 8 and 9.5 % of the picture unless `train_hole` says otherwise, as the original's.
    """
    hole = tuple(asked.train_hole) or None
    seed = _TRAIN_STREAM + asked.seed
    if asked.fixed_mask:
        return _fixed(asked, asked.train_masks[0], seed, device, hole or _FIXED_HOLE).expand(count, -1, -1, -1)
    kinds = [(family, ratio) for ratio in ([hole, _WIDE] if asked.train_wide else [hole]) for family in asked.train_masks]
    out = torch.empty(count, 1, asked.size, asked.size, device=device)
    for index, (family, ratio) in enumerate(kinds):
        own = slice((index - start) % len(kinds), count, len(kinds))
        needed = len(range(*own.indices(count)))
        again = kinds[:index].count((family, ratio)) << 40  # masks of its own for a family that is named again
        out[own] = masks.sample(family, needed, asked.size, seed=seed + again, hole=ratio, device=device,
                                folder=mask_folder(asked), start=(start + own.start) // len(kinds))
    return out


def _fixed(asked: Parameters, family: str, seed: int, device: str, hole: tuple[float, float] = _FIXED_HOLE) -> torch.Tensor:
    return masks.sample(family, 1, asked.size, seed=seed, hole=hole, device=device, folder=mask_folder(asked))


def evaluation_masks(asked: Parameters, family: str, count: int) -> torch.Tensor:
    """The fixed masks that a family is tested with, the same for every run: (count, 1, size, size).

    "training" gives the run's fixed mask, or, without one, fresh masks of the families that it was trained with, each as often
    as the others; "fixed" the one Perlin mask of seed 0, on which a specialist with that seed is trained.
    """
    if family == "training":
        once = asked.model_copy(update={"train_masks": list(dict.fromkeys(asked.train_masks))})
        return training_masks(once, count, start=1 << 30, device="cpu")
    if family == "fixed":
        return _fixed(asked, "perlin", _TRAIN_STREAM, "cpu").expand(count, -1, -1, -1)
    return masks.sample(family, count, asked.size, seed=_TEST_STREAM, folder=mask_folder(asked))


def build(asked: Parameters) -> tuple[nn.Module, nn.Module | None, nn.Module | None]:
    """Generator, discriminator and style discriminator (None where not asked for), started from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(asked.seed)
        generator = networks.generator(asked.generator, size=asked.size, width=asked.width, blocks=asked.blocks,
                                       upsampling=asked.upsampling, norm=asked.norm, mask_input=asked.mask_input,
                                       skips=asked.skips)
        discriminator = {"none": lambda: None, "patch": lambda: networks.PatchDiscriminator(asked.width),
                         "context_encoder": lambda: networks.ContextDiscriminator(asked.size)}[asked.discriminator]()
        style = networks.StyleDiscriminator() if asked.style_in in ("discriminator", "both") else None
    return generator, discriminator, style


def start_of(asked: Parameters) -> dict[str, torch.Tensor]:
    """The weights that a run starts from.

    Raises:
        ParameterError: there is no such file, it holds another generator's weights, or, as the record beside it tells, they
            were trained on another split of these pictures, so that this run's validation pictures may be among those.
    """
    file = _start_file(asked)
    try:
        given, _ = restoration.load(file)
    except (FileNotFoundError, ValueError) as problem:
        raise ParameterError(f"start = {asked.start!r}: {problem}") from None
    if file.with_suffix(".json").exists():
        before = records.read(file.with_suffix(".json"))["parameters"]
        if not _kept_apart(before, asked.model_dump()):
            raise ParameterError(f"start = {asked.start!r}: was trained on other pictures, by the record beside it; expected the "
                                 "same seed, source, subject, artist, style and number of validation pictures as this run's, or "
                                 "epochs = 0 and another artist.")
    ours, theirs = build(asked)[0].state_dict(), given.state_dict()
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        raise ParameterError(f"start = {asked.start!r}: holds the weights of another generator than this run's.")
    return theirs


def _kept_apart(before: dict, asked: dict) -> bool:
    """Are a run's validation pictures surely none that an earlier one learned from? The embedded ones have no artists."""
    painted = all((of.get("source"), of.get("subject")) == ("wikiart", "paintings") for of in (before, asked))
    if painted and before.get("artist") != asked["artist"]:
        return not asked["epochs"]  # tested, and not trained on, for a third run to start from
    split = ("seed", "source", "subject", "validation", *(("artist", "style") if asked["source"] == "wikiart" else ()))
    return all(before.get(name) == asked[name] for name in split)


def _start_file(asked: Parameters) -> Path:
    return records.ROOT / Path(asked.start.replace("{profile}", asked.profile)).expanduser()


def train(asked: Parameters, pictures: torch.Tensor, validation: torch.Tensor, *, large: torch.Tensor | None = None,
          data_hash: str = "") -> Trained:
    """Train as asked and return the result; an interrupted run of the same parameters, pictures and code is continued.

    Args:
        pictures: (N, 3, size, size) uint8 training pictures.
        validation: (M, 3, size, size) uint8; the first 32 are looked at during training.
        large: the training pictures at twice the size, (N, 3, 2 size, 2 size) uint8, which `augment: crop` cuts from.
        data_hash: names the pictures in the checkpoint's key.

    Ctrl-C and SIGTERM write a checkpoint first, and say how to go on; a second Ctrl-C does not wait for it. Where another
    process is at the very same training, this one waits, and returns what that one made.

    Raises:
        TrainingError: a loss or a weight is no longer a number or explodes, a discriminator has won for good, or memory is short.
        StorageError: there is no room for checkpoints.
        ValueError: there is nothing to crop from.
    """
    if asked.start:
        start_of(asked)
    path = _checkpoint(asked, data_hash)
    with records.only_one(path.with_suffix(".lock"), "This training"), _memory_told(path), _same_bits(asked.deterministic):
        run = _Run(asked, pictures, validation, data_hash, large)
        run.resume()
        if run.update < run.planned:
            records.check_room(path, run.size() * (1 if path.exists() else 2))
        every = asked.validate_every or max(1, run.planned // 10)
        saved = time.monotonic()
        started = saved - run.seconds
        bar = tqdm(total=run.planned, initial=run.update, file=_progress_file(), mininterval=2, unit="update",
                   bar_format="{percentage:3.0f}% {n}/{total} updates, {elapsed} gone, {remaining} to go{postfix}")
        with _asked_to_stop() as signals:
            while run.update < run.planned and not signals:
                run.step()
                bar.update()
                due = run.update % every == 0 or run.update == run.planned
                if due or signals or time.monotonic() - saved > _PAUSE:
                    run.look()
                    if due:
                        bar.set_postfix_str(f"validation {run.validate():.2f} dB")
                    saved = time.monotonic()
                    run.seconds = saved - started
                    run.save()
        bar.close()
    if signals:
        said = f"Stopped at update {run.update} of {run.planned}; {_kept(path)}. The same call goes on from there."
        print(said, file=sys.stderr, flush=True)
        signal.raise_signal(signals[0])
        raise KeyboardInterrupt(said)
    run.seconds = time.monotonic() - started
    return Trained(run.averaged or run.generator, asked.fill, run.update, run.seconds, run.history, run.validation, run.fit,
                   asked.flips)


def gradient_map(asked: Parameters, generator: nn.Module, pictures: torch.Tensor, updates: int = 20) -> torch.Tensor:
    """Where the reconstruction loss reaches the generator's output: (size, size), relative to its largest value.

    The mean size of the gradient at each pixel of the output, over the masks of the first updates.

    Args:
        pictures: (N, 3, size, size) uint8; the first `batch` are looked at.
    """
    device = device_of(asked)
    generator.eval()  # a generator fresh from a checkpoint is not, and batch normalisation would learn from what it is shown here
    truth = pictures[:asked.batch].to(device).float() / 127.5 - 1
    total = torch.zeros(asked.size, asked.size, device=device)
    for update in range(updates):
        holes = training_masks(asked, len(truth), start=update * asked.batch, device=device)
        with torch.no_grad():
            output = generator(networks.fill_holes(truth, holes, asked.fill), holes).float()
        output.requires_grad_(True)
        loss = losses.reconstruction(output, truth, holes, asked.reconstruction, asked.reconstruction_over)
        total += torch.autograd.grad(loss, output)[0].abs().mean((0, 1))
    return (total / total.max().clamp(min=1e-12)).cpu()


def keep_weights(trained: Trained, asked: Parameters) -> dict[str, str]:
    """Write the generator beside the record, as `networks.packed` packs it, if the run asks for it: {file name: SHA-256}."""
    if not (asked.keep_weights and asked.record):
        return {}
    from safetensors.torch import save

    path = Path(asked.record).with_suffix(".safetensors")
    state = networks.packed(trained.generator.state_dict())
    about = {name: str(getattr(asked, name)) for name in _ABOUT}
    records.write_atomic(path, save(state, {**about, "sha256": restoration.digest(state, about)}))
    return {path.name: records.sha256(path)}


def forget(asked: Parameters, data_hash: str = "") -> None:
    """Set the checkpoint of a finished run aside, once its record is written; what has lain aside for ten minutes is removed.

    Until then it serves a batch that was killed and begun again while a part of it was still at work, and ended it.
    """
    path = _checkpoint(asked, data_hash)
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, _aside(path))
        os.utime(_aside(path))
    for other in path.parent.glob(_aside(Path("*.pt")).name):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - other.stat().st_mtime > _ASIDE:
                other.unlink()


def _aside(path: Path) -> Path:
    return path.with_suffix(".done")


def _checkpoint(asked: Parameters, data_hash: str) -> Path:
    start = records.sha256(_start_file(asked)) if asked.start else ""
    device = device_of(asked)
    key = records.digest([asked.model_dump(exclude={"record", "keep_weights"}), start, data_hash, records.source_hash(),
                          records.versions(), device, str(precision_of(asked, device))])
    return records.cache_folder() / "checkpoints" / f"{key[:32]}.pt"


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM do not break into a step or a checkpoint: they are collected here. A second Ctrl-C does."""
    heard: list[int] = []

    def hear(number: int, frame) -> None:
        heard.append(number)
        if heard.count(signal.SIGINT) > 1:
            raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()  # signals reach no other
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if main}
    for number in before:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, hear)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _same_bits(wanted: bool) -> Iterator[None]:
    """Only operations that give the same bits again, where that is wanted; torch refuses the others by name."""
    before = torch.get_deterministic_debug_mode()
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS sums in any order
        torch.set_deterministic_debug_mode("error")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)


@contextlib.contextmanager
def _memory_told(path: Path) -> Iterator[None]:
    """Turn whatever says that memory is short into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as problem:
        short = isinstance(problem, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(problem)
        if not short:
            raise
        raise TrainingError(f"There is not enough memory for this training; {_kept(path)}. A smaller `batch`, `size` or `width` "
                            "needs less.") from None


def _kept(path: Path) -> str:
    return f"the last checkpoint is kept at {path}" if path.exists() else "no checkpoint had been written yet"


class _Run:
    """A training under way: everything that a checkpoint must hold, and one step."""

    def __init__(self, asked: Parameters, pictures: torch.Tensor, validation: torch.Tensor, data_hash: str,
                 large: torch.Tensor | None = None):
        self.asked, self.device = asked, device_of(asked)
        if asked.threads:
            torch.set_num_threads(asked.threads)
        _hold_memory()
        self.dtype = precision_of(asked, self.device)
        self.layout = getattr(torch, {"contiguous": "contiguous_format"}.get(asked.layout, asked.layout))
        start = start_of(asked) if asked.start else None
        self.path = _checkpoint(asked, data_hash)
        self.pictures, self.large = pictures.to(self.device), large if large is None else large.to(self.device)
        if asked.augment == "crop" and (large is None or large.shape != (len(pictures), 3, 2 * asked.size, 2 * asked.size)):
            raise ValueError("augment = 'crop': expected the training pictures at twice the size, too.")
        self.seen, self.known = (part[:32].float() / 127.5 - 1 for part in (validation, pictures))
        self.seen_masks = evaluation_masks(asked, "training", 32)
        self.planned = planned_updates(asked, len(pictures))
        self.update, self.seconds, self.won = 0, 0.0, 0
        self.order: tuple[int, torch.Tensor] | None = None
        self.ready: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.history = {name: [] for name in _CURVES}
        self.losses: list[torch.Tensor] = []
        self.validation: list[tuple[int, float]] = []
        self.fit: list[tuple[int, float]] = []
        self.generator, self.discriminator, self.style = (
            network and network.to(self.device, memory_format=self.layout) for network in build(asked))
        if start:
            self.generator.load_state_dict(start)
        self.averaged = self.pairs = None
        if asked.ema:
            self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        if asked.compile:
            for network in (self.generator, self.discriminator):
                network and network.compile()
        # As a graph an update's thousands of kernels start as one. Not where one draws within, or must be the same again.
        self.graphed = self.device == "cuda" and not (asked.compile or asked.diff_augment or asked.deterministic)
        self.graphs: dict[int, _Graph] = {}
        self.judges = nn.ModuleList(network for network in (self.discriminator, self.style) if network is not None)
        self.optimisers = [self._optimiser(self.generator)] + ([self._optimiser(self.judges)] if len(self.judges) else [])
        needs_vgg = asked.perceptual_weight or asked.style_in != "none"
        self.vgg = vgg.load(device=self.device) if needs_vgg else None

    def _optimiser(self, owner: nn.Module) -> torch.optim.Optimizer:
        """Muon is for the generator alone: judges' kernels are normalised already.

        Their step size may be their own, as in the two time-scale update rule (Heusel et al. 2017); else it fits the generator's.
        """
        asked, betas, muon = self.asked, (self.asked.beta1, 0.999), self.asked.optimiser == "muon"
        if muon and owner is self.generator:
            optimiser = optimisers.Muon(owner.parameters(), asked.lr, betas=betas, capturable=self.graphed)
        else:
            lr = asked.lr * (optimisers.ADAM if muon else 1)
            lr = asked.discriminator_lr or lr if owner is self.judges else lr
            optimiser = torch.optim.Adam(owner.parameters(), lr, betas=betas, fused=True, capturable=self.graphed)
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
            if self.graphed:  # which reads a step size where it lies, and would keep a number for good
                group["lr"] = torch.tensor(group["lr"], device=self.device)
        return optimiser

    def batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the coming update pictures (N, 3, size, size) in [-1, 1], masks, and the pictures with their holes filled."""
        if not self.ready:
            ahead = max(1, min(_AHEAD, _PIXELS // (self.asked.batch * self.asked.size**2))) if self.device == "cuda" else 1
            # Always the same ones together, also after a pause within: sums may depend on what else is summed beside them.
            self.prepare(self.update - self.update % ahead, ahead)
            del self.ready[:self.update % ahead]
        truth, mask, filled = self.ready.pop(0)
        if self.asked.fill == "grain":
            filled = networks.under_grain(filled, mask, self.update)
        return truth, mask, filled

    def prepare(self, first: int, ahead: int) -> None:
        """What so many updates see, all at once: in small pieces a GPU would mostly wait."""
        asked = self.asked
        truths = [self.truth(update) for update in range(first, first + ahead)]
        count = (ahead - 1) * asked.batch + len(truths[-1])
        holes = training_masks(asked, count, start=first * asked.batch, device=self.device).split(asked.batch)
        holes = [hole[:len(truth)] for hole, truth in zip(holes, truths, strict=True)]
        smooth = "thin_plate" if asked.fill == "grain" else asked.fill
        filled = networks.fill_holes(torch.cat(truths), torch.cat(holes), smooth).split([len(truth) for truth in truths])
        self.ready = list(zip(truths, holes, filled, strict=True))

    def truth(self, update: int) -> torch.Tensor:
        """The pictures of an update. What is drawn is drawn on the processor, which then need not wait for a GPU."""
        asked, count = self.asked, len(self.pictures)
        epoch, place = divmod(update, 1 if asked.updates == "epoch" else batches(asked, count))
        if asked.updates == "epoch":
            # As published: the optimisers' steps stood outside the loop and saw the epoch's last mini-batch only.
            place = batches(asked, count) - 1
        if self.order is None or self.order[0] != epoch:
            draw = masks.Draws((asked.seed << 32) + epoch, _ORDER, torch.zeros(1, dtype=torch.long))
            self.order = epoch, draw(count)[0].argsort(stable=True)
        chosen = self.order[1][place * asked.batch:(place + 1) * asked.batch]
        crop = asked.augment == "crop" and update % 2
        truth = self.crops(chosen, update) if crop else self.pictures[self.there(chosen)]
        truth = truth.to(memory_format=self.layout).float() / 127.5 - 1
        if asked.augment != "none":
            mirrored = self.there(self.draws(_MIRROR, update)(len(chosen))[0] < 0.5)
            truth = torch.where(mirrored[:, None, None, None], truth.flip(3), truth)
        return truth

    def there(self, few: torch.Tensor) -> torch.Tensor:
        """A few numbers on the device, which need not have done its work so far."""
        return few.to(self.device, non_blocking=True)

    def draws(self, stream: int, update: int, device: str = "cpu") -> masks.Draws:
        """Numbers of a stream for an update."""
        return masks.Draws((self.asked.seed << 32) + update, stream, torch.zeros(1, dtype=torch.long, device=device))

    def crops(self, chosen: torch.Tensor, update: int) -> torch.Tensor:
        """Squares of the pictures at twice the size, each at a place of its own, all of one side from `size` to twice that."""
        size, draw = self.asked.size, self.draws(_CROP, update)
        side = size + int(draw(1).item() * (size + 1))
        corners = (draw(2 * len(chosen))[0] * (2 * size - side + 1)).long().view(-1, 2)
        number, top, left = (self.there(part)[:, None, None] for part in (chosen, *corners.T))
        line = torch.arange(side, device=self.device)
        cut = self.large[number, :, top + line[:, None], left + line].permute(0, 3, 1, 2).float().contiguous()
        return F.interpolate(cut, size=(size, size), mode="bicubic", antialias=True, align_corners=False).round().clamp(0, 255)

    def step(self) -> None:
        """One update of the discriminators, then of the generator."""
        if self.asked.diff_augment:
            self.changes = self.draws(_CHANGE, self.update, self.device)
        self.generator.train()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                rate = group["initial_lr"] * self.rate()
                group["lr"] = group["lr"].fill_(rate) if torch.is_tensor(group["lr"]) else rate
        shown = self.batch()
        graph = self.graphs.setdefault(len(shown[0]), _Graph()) if self.graphed else None
        self.losses.append(graph(self.advance, *shown) if graph else self.advance(*shown))
        self.update += 1
        self.average()
        if len(self.losses) == _LOOK:
            self.look()

    def advance(self, truth: torch.Tensor, mask: torch.Tensor, filled: torch.Tensor) -> torch.Tensor:
        """The update itself: (5,), the losses, and how strongly the composites were pulled at."""
        asked = self.asked
        with self.autocast():
            output = self.generator(filled, mask)
        output = output.float()
        composite = torch.where(mask > 0, output, truth)
        # VGG-19 is the dearest part of a step with style in it: it sees each picture once, for whoever asks.
        with self.autocast():
            ours, theirs = (self.vgg(composite), self.vgg(truth)) if self.vgg else ([], [])
        real_loss = fake_loss = torch.zeros((), device=self.device)
        self.felt = real_loss
        if len(self.optimisers) > 1:
            shown = (truth, theirs), (composite.detach(), [layer.detach() for layer in ours])
            pairs = zip(*(self.judge(picture, features) for picture, features in shown), strict=True)
            judged = [losses.discriminator_loss(real, fake, asked.adversarial) for real, fake in pairs]
            real_loss, fake_loss = (torch.stack(side).sum() for side in zip(*judged, strict=True))
            self.descend(self.optimisers[1], real_loss + fake_loss)
        distance = losses.reconstruction(output, truth, mask, asked.reconstruction, asked.reconstruction_over)
        loss = asked.reconstruction_weight * distance
        if asked.known_weight:
            loss = loss + asked.known_weight * losses.reconstruction(output, truth, 1 - mask, asked.reconstruction, "hole")
        if len(self.optimisers) > 1:
            # The judges only hand gradients on here; their own would cost as much again and be dropped.
            self.judges.requires_grad_(False)
            composite.register_hook(self.feel)
            for logits in self.judge(composite, ours):
                loss = loss + asked.adversarial_weight * losses.generator_loss(logits, asked.adversarial)
        if asked.perceptual_weight:
            loss = loss + asked.perceptual_weight * losses.perceptual(ours, theirs)
        if asked.style_in in ("generator", "both"):
            loss = loss + asked.style_weight * losses.style_distance(ours, theirs).mean()
        self.descend(self.optimisers[0], loss)
        self.judges.requires_grad_(True)
        return torch.stack([loss, distance, real_loss, fake_loss, self.felt]).detach()

    def feel(self, gradient: torch.Tensor) -> None:
        """How strongly judges and features pull at the composites, at most."""
        self.felt = gradient.abs().amax().float()

    def look(self) -> None:
        """Bring the losses since the last look into the history, unless they are hopeless."""
        if not self.losses:
            return
        values = torch.stack(self.losses).cpu()
        bad = (~values.isfinite().all(1)).nonzero()
        if len(bad):
            self.stop(f"A loss is no longer a number at update {self.update - len(values) + int(bad[0]) + 1}")
        for name, column in zip(self.history, values.T.tolist()[:4], strict=True):
            self.history[name] += [round(value, 5) for value in column]
        self.losses.clear()
        # The generator's own loss may be of any size: its weights are the reader's.
        for name in _CURVES[1:]:
            if min(map(abs, self.history[name][-_LOOK:])) > _EXPLODED and self.update >= _LOOK:
                self.stop(f"The loss `{name}` has exploded: beyond {_EXPLODED:g} for {_LOOK} updates, up to update {self.update}")
        for _, _, *judged, felt in values.tolist():
            self.won = self.won + 1 if len(self.optimisers) > 1 and max(judged) < 1e-6 and felt < 1e-12 else 0
        if self.won >= _WON:
            self.stop(f"The discriminator has won for good: in the last {self.won} updates, up to update {self.update}, it "
                      "made no error, and the generator got no gradient from it")

    def stop(self, why: str) -> None:
        raise TrainingError(f"{why}; {_kept(self.path)}. A smaller `lr` or smaller weights may help.")

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def judge(self, picture: torch.Tensor, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Each discriminator's logits on pictures and their VGG-19 features.

        Their losses are averaged apart, so that all judges weigh alike.
        """
        if self.asked.diff_augment:
            picture = losses.diff_augment(picture, self.changes)
        with self.autocast():
            logits = [self.discriminator(picture)] if self.discriminator else []
            logits += [self.style(features)] if self.style else []
        return [part.float() for part in logits]

    def descend(self, optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        """One step down."""
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    def rate(self) -> float:
        """The step size relative to its first."""
        if self.asked.schedule == "constant":
            return 1.0
        return 0.5 * (1 + torch.cos(torch.tensor(torch.pi * self.update / self.planned)).item())

    @torch.no_grad()
    def average(self) -> None:
        """Moving average of the generator; young averages forget faster, so that the random start does not linger."""
        if self.averaged is None:
            return
        decay = min(self.asked.ema, (1 + self.update) / (10 + self.update))
        if self.pairs is None:
            pairs = list(zip(self.averaged.state_dict().values(), self.generator.state_dict().values(), strict=True))
            self.pairs = [[pair for pair in pairs if pair[0].is_floating_point() == floats] for floats in (True, False)]
        floats, counts = self.pairs
        torch._foreach_lerp_([ours for ours, _ in floats], [theirs for _, theirs in floats], 1 - decay)
        for ours, theirs in counts:
            ours.copy_(theirs)

    def validate(self) -> float:
        """Mean hole PSNR, dB, on the first validation pictures, and noted beside it that on the first training pictures.

        The masks are like those of the training, and the same for both.
        """
        fill = networks.inpainter(self.averaged or self.generator, self.asked.fill)
        for pictures, curve in ((self.known, self.fit), (self.seen, self.validation)):
            holes = self.seen_masks[:len(pictures)]
            value = metrics.hole_psnr(fill(pictures, holes), pictures, holes).mean().item()
            curve.append((self.update, round(value, 4)))
        return value

    def networks(self) -> dict[str, nn.Module]:
        named = {"generator": self.generator, "discriminator": self.discriminator, "style": self.style,
                 "averaged": self.averaged}
        return {name: network for name, network in named.items() if network is not None}

    def size(self) -> int:
        """About how many bytes a checkpoint takes: weights, and two moments of each that is trained."""
        return sum(value.nbytes * (1 if name == "averaged" else 3)
                   for name, network in self.networks().items() for value in network.state_dict().values())

    def save(self) -> None:
        state = {"networks": {name: network.state_dict() for name, network in self.networks().items()},
                 "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                 "update": self.update, "seconds": self.seconds, "history": self.history, "validation": self.validation,
                 "fit": self.fit, "won": self.won}
        # Losses tell of the weights before the last step: what is kept must itself be numbers.
        held = [value for weights in state["networks"].values() for value in weights.values()]
        held += [value for saved in state["optimisers"] for moments in saved["state"].values() for value in moments.values()]
        if not all(torch.stack([value.isfinite().all().to(self.device) for value in held])):
            self.stop(f"A weight or its moment is no longer a number at update {self.update}")
        records.write_atomic(self.path, lambda file: torch.save(state, file), sealed=True)

    def resume(self) -> None:
        for part in self.path.parent.glob(f".{self.path.name}.*.part"):
            part.unlink()  # of a run that was killed while it wrote; the lock is ours
        path = self.path if self.path.exists() else _aside(self.path)
        try:
            with records.unsealed(path) as file:
                state = torch.load(file, map_location=self.device, weights_only=True)
        except FileNotFoundError:
            return
        except ValueError:
            print(f"{path}: is damaged; the training starts anew.", file=sys.stderr, flush=True)
            return
        for name, network in self.networks().items():
            network.load_state_dict(state["networks"][name])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.update, self.seconds, self.history, self.won = (state[name] for name in ("update", "seconds", "history", "won"))
        self.validation, self.fit = ([tuple(point) for point in state[name]] for name in ("validation", "fit"))


class _Graph:
    """Calls a function of tensors of fixed shapes on a GPU; after a few calls it is recorded once, and then replayed."""

    def __init__(self):
        self.calls, self.graph = 0, None

    def __call__(self, function: Callable[..., torch.Tensor], *given: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls <= _WARM:
            side = torch.cuda.Stream()  # torch asks for the first calls to be elsewhere than on the stream of the rest
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                out = function(*given)
            torch.cuda.current_stream().wait_stream(side)
            return out
        if self.graph is None:
            self.given, graph = [tensor.clone() for tensor in given], torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.out = function(*self.given)
            self.graph = graph
        for kept, new in zip(self.given, given, strict=True):
            kept.copy_(new)
        self.graph.replay()
        return self.out.clone()


def _hold_memory() -> None:
    """Have the C library keep large blocks that are freed: else it hands them back, and each step waits for fresh pages.

    A step of the context encoder takes a third longer without. Elsewhere than under glibc nothing is changed.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for setting in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            library.mallopt(setting, 2**31 - 1)


class _Display:
    """Where a notebook shows the bar: one line that is replaced, so that an executed notebook keeps the last one only."""

    def __init__(self):
        from IPython.display import display

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        if text.strip():
            self.handle.update({"text/plain": text.strip()}, raw=True)

    def flush(self) -> None:
        pass


def _progress_file():
    try:
        from IPython import get_ipython

        return _Display() if get_ipython() is not None else None
    except ImportError:
        return None
