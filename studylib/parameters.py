"""What a run may be asked: every parameter of every notebook, with its type, range and meaning.

Parameters arrive from two YAML files, laid over a notebook's defaults: a profile says how large, an experiment says what.
They are checked before anything slow starts; what is wrong is told in one sentence.
"""

import ast
import difflib
import json
import types
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

_MOST = 100_000  # bytes of a parameter file
_PIXELS = 2**26  # of the pictures in an update; of an 80 GB GPU, a generator of width 32 fills more than half with them
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Family = Literal["perlin", "circle", "box", "strokes", "irregular", "cracks", "craquelure"]
TestFamily = Literal["fixed", "perlin", "circle", "box", "strokes", "irregular", "cracks", "craquelure"]


class ParameterError(ValueError):
    """A parameter is unknown, of the wrong type or impossible. The message names the file or key, and what was meant."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, without the way it took."""
        return [f"ParameterError: {self}"]


class Parameters(BaseModel):
    """One run. Sizes are in pixels, holes in parts of the picture, weights without unit."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    profile: Literal["notebook", "smoke", "laptop", "paper"] = Field("notebook", description="how large; for titles")
    record: Text = Field("", description="where the record goes; empty: none is kept")
    seed: int = Field(0, ge=0, lt=2**31, description="everything random derives from it")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one")

    source: Literal["atelier", "wikiart"] = Field("atelier", description="embedded pictures, or yours in data_root")
    data_root: Text = Field("data", description="a folder with wikiart/ and celeba/; relative to the repository")
    subject: Literal["paintings", "faces", "mixture"] = Field("paintings", description="what the pictures show")
    artist: Text = Field("pierre-auguste-renoir", description="whose paintings, as WikiArt writes the name")
    style: Text = Field("Impressionism", description="in which style")
    ranking_url: Text = Field("", description="what is ranked: parquet files, or a table of counts; empty: what is at hand")
    size: int = Field(64, ge=32, le=1024, multiple_of=16, description="side of a picture, pixels")
    train: int = Field(200, ge=1, le=100_000, description="number of training pictures")
    validation: int = Field(24, ge=2, le=10_000, description="number of validation pictures")

    train_masks: list[Family] = Field(["perlin"], min_length=1, max_length=7, description="families drawn from while training")
    train_hole: list[float] = Field([], description="hole ratio [low, high] while training; empty: the family's own")
    train_wide: bool = Field(False, description="every second mask's hole ratio is drawn from 2 to 60 % instead")
    fixed_mask: bool = Field(False, description="one single mask for the whole training, as the original did")
    test_masks: list[TestFamily] = Field(["perlin", "circle"], max_length=8, description="families it is tested on")
    mask_root: Text = Field("", description="folder of real masks and cracks; empty: procedural stand-ins")

    generator: Literal["context_encoder", "unet"] = Field("unet", description="the original's network, or the study's")
    width: int = Field(32, ge=4, le=512, description="channels of the study's generator at its finest scale")
    blocks: int = Field(1, ge=1, le=16, description="its residual blocks at the finest scale")
    upsampling: Literal["shuffle", "bilinear"] = Field("shuffle", description="how its features double their scale")
    mask_input: bool = Field(True, description="the generator sees where the hole is")
    skips: bool = Field(True, description="skip connections between encoder and decoder")
    norm: Literal["batch", "group", "none"] = Field("none", description="normalisation inside the generator")
    fill: Literal["white", "mean", "pull_push", "thin_plate", "grain"] = Field("thin_plate", description="what holes start from")
    discriminator: Literal["none", "context_encoder", "patch"] = Field("patch", description="what judges the composites")

    adversarial: Literal["bce", "hinge"] = Field("hinge", description="adversarial loss")
    adversarial_weight: float = Field(0.01, ge=0, le=1e6, description="its weight in the generator's loss")
    reconstruction: Literal["l1", "l2", "psnr"] = Field("l1", description="distance to the truth inside the hole")
    reconstruction_over: Literal["hole", "picture"] = Field("hole", description="average over the hole, or all pixels")
    reconstruction_weight: float = Field(1.0, ge=0, le=1e6, description="weight of the distance inside the hole")
    known_weight: float = Field(0.0, ge=0, le=1e6, description="weight of the same distance over the known pixels")
    perceptual_weight: float = Field(0.0, ge=0, le=1e6, description="weight of the VGG-19 feature distance")
    style_weight: float = Field(0.0, ge=0, le=1e6, description="weight of the style loss in the generator")
    style_in: Literal["none", "generator", "discriminator", "both"] = Field("none", description="where style acts")

    epochs: int = Field(200, ge=0, le=1_000_000, description="passes over the training pictures; 0: untrained")
    updates: Literal["batch", "epoch"] = Field("batch", description="one update a batch, or one an epoch as published")
    max_updates: int = Field(0, ge=0, le=10_000_000, description="cap on the number of updates; 0: none")
    effort: float = Field(1.0, gt=0, le=100, description="this run's length relative to epochs and cap")
    limit_updates: int = Field(0, ge=0, le=10_000_000, description="no run goes beyond, whatever its cap and effort; 0: no limit")
    batch: int = Field(32, ge=2, le=4096, description="pictures in an update")
    optimiser: Literal["adam", "muon"] = Field("adam", description="how weights are stepped: Adam, or Muon")
    lr: float = Field(2e-4, gt=0, lt=1, description="the optimiser's step size; Muon's is about twenty times Adam's")
    discriminator_lr: float = Field(0.0, ge=0, lt=1, description="the discriminator's step size; 0: as the generator's")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's memory of gradients; 0.5 is usual in GANs, 0.9 elsewhere")
    schedule: Literal["constant", "cosine"] = Field("constant", description="how the step size goes on")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the generator's moving average; 0: none")
    augment: Literal["none", "mirror", "crop"] = Field("none", description="mirror half of the pictures; also crop half")
    diff_augment: bool = Field(False, description="judges see shifted, recoloured and cut pictures (DiffAugment)")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="arithmetic; auto: bf16 where hardware has it")
    layout: Literal["channels_last", "contiguous"] = Field("channels_last", description="memory layout of the networks")
    compile: bool = Field(False, description="compile the networks, on a GPU in place of graphs")
    deterministic: bool = Field(False, description="same bits again on a GPU too, more slowly; a processor gives them anyway")
    threads: int = Field(0, ge=0, le=256, description="processor threads; 0: as the environment says (the batch: 1 a run)")
    validate_every: int = Field(0, ge=0, le=10_000_000, description="updates between validations; 0: a tenth of the run")
    start: Text = Field("", description="file of weights to start from, from the repository on, of this {profile}; empty: none")
    flips: bool = Field(False, description="test with the picture and its mirror image, made one")
    also_test: list[Literal["paintings", "faces", "mixture"]] = Field([], max_length=3, description="other subjects to test on")
    keep_pictures: bool = Field(False, description="keep the first pictures, filled, in the record, for the write-up")
    keep_weights: bool = Field(False, description="write the generator's weights beside the record")


def check(values: dict, *, where: str = "parameters") -> Parameters:
    """Make `Parameters` from a dictionary.

    Raises:
        ParameterError: one sentence a problem, each naming `where` and the key.
    """
    try:
        asked = Parameters(**values)
    except ValidationError as error:
        raise ParameterError("\n".join(_sentence(problem, where) for problem in error.errors())) from None
    hole = asked.train_hole
    if hole and not (len(hole) == 2 and 0 < hole[0] < hole[1] < 1):
        raise ParameterError(f"{where}: train_hole = {_short(hole)}: expected [low, high] with 0 < low < high < 1, or [].")
    if asked.style_in in ("discriminator", "both") and asked.discriminator == "none":
        raise ParameterError(f"{where}: style_in = {asked.style_in!r} needs a discriminator; it is 'none'.")
    if asked.norm == "group" and asked.width % 8:
        raise ParameterError(f"{where}: width = {asked.width}: expected a multiple of 8 for group normalisation.")
    if asked.batch * asked.size**2 > _PIXELS:
        raise ParameterError(f"{where}: batch = {asked.batch} pictures of size = {asked.size}: expected a batch of at most "
                             f"{_PIXELS // asked.size**2} of them.")
    if "context_encoder" in (asked.generator, asked.discriminator) and asked.size not in (64, 128, 256):
        raise ParameterError(f"{where}: size = {asked.size}: expected 64, 128 or 256, which the context encoder is made for.")
    return asked


def from_notebook(namespace: dict) -> Parameters:
    """`Parameters` from a notebook's namespace right after its parameters cell, where every public plain name is one.

    Also a name that papermill injected and the notebook does not know arrives here, and is refused.
    """
    plain = (str, int, float, bool, list, dict, tuple, types.NoneType)
    given = {key: value for key, value in namespace.items() if not key.startswith("_") and isinstance(value, plain)}
    jupyter = {"In", "Out"}
    return check({key: value for key, value in given.items() if key not in jupyter})


def read(path: Path | str) -> dict:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        ParameterError: the file is missing, is not YAML, or holds something else than `key: value` lines.
    """
    try:
        if Path(path).stat().st_size > _MOST:
            raise ParameterError(f"{path}: is not a parameter file: {Path(path).stat().st_size} bytes; expected at most {_MOST}.")
        values = yaml.load(Path(path).read_text(encoding="utf-8"), _Plain)
    except FileNotFoundError:
        raise ParameterError(f"{path}: there is no such parameter file.") from None
    except ParameterError:
        raise
    except Exception as error:  # dates and numbers fail in other ways than the rest
        said = " ".join(str(error).split())[:300]
        raise ParameterError(f"{path}: is not valid YAML: {said or type(error).__name__}") from None
    values = {} if values is None else values
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ParameterError(f"{path}: expected `key: value` lines.")
    return values


class _Plain(yaml.SafeLoader):
    """YAML without anchors, of which small files grow huge values, and with every key at most once."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "anchors (&, *) have no place here", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for place, (key, _) in enumerate(node.value):
            if key.value in keys[:place]:
                raise yaml.constructor.ConstructorError(None, None, f"{_short(key.value)} stands here again", key.start_mark)
        return super().construct_mapping(node, deep)


def declared(notebook: Path | str) -> list[str]:
    """Names assigned in the cell of a notebook that is tagged `parameters`."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    source = "".join("".join(cell["source"]) + "\n" for cell in tagged)
    return [target.id for line in ast.parse(source).body if isinstance(line, ast.Assign) for target in line.targets]


def check_files(notebook: Path | str, profile: Path | str, experiment: Path | str) -> Parameters:
    """Check a profile and an experiment file, and the two laid over each other, for a notebook.

    Raises:
        ParameterError: also when the experiment sets a key that this notebook does not use.
    """
    check(read(profile), where=str(profile))
    own = read(experiment)
    check(own, where=str(experiment))
    known = declared(notebook)
    for key in own.keys() - set(known):
        raise ParameterError(f"{experiment}: {_named(key)} is not a parameter of {Path(notebook).name}{_nearest(key, known)}")
    return check({**read(profile), **own}, where=f"{profile} + {experiment}")


def experiments(root: Path | str, profile: str) -> list[tuple[str, str]]:
    """(notebook, experiment) of every parameter file params/<notebook>/<experiment>.yaml, all checked for this profile.

    Raises:
        ParameterError: one sentence for each problem in any of them.
    """
    root = Path(root)
    found, problems = [], []
    for file in sorted(root.glob("params/*/*.yaml")):
        notebook = root / "notebooks" / f"{file.parent.name}.ipynb"
        if file.parent.name == "profiles":
            continue
        if not notebook.exists():
            problems.append(f"{file.relative_to(root)}: there is no notebook notebooks/{notebook.name}.")
            continue
        try:
            check_files(notebook, root / "params" / "profiles" / f"{profile}.yaml", file)
        except ParameterError as problem:
            problems += str(problem).replace(f"{root}/", "").split("\n")
        found.append((file.parent.name, file.stem))
    if problems:
        raise ParameterError("\n".join(dict.fromkeys(problems)))
    return found


def _sentence(problem: dict, where: str) -> str:
    key, value = str(problem["loc"][0]), problem["input"]
    if problem["type"] == "extra_forbidden":
        return f"{where}: {_named(key)} is not a parameter{_nearest(key, list(Parameters.model_fields))}"
    if problem["type"] in ("string_pattern_mismatch", "string_too_long"):
        problem = {**problem, "msg": "one line of at most 500 characters"}
    expected = problem["msg"].removeprefix("Input should be ").replace("a valid", "a")
    expected = expected.removeprefix("List should have ").partition(" after validation")[0]
    expected = expected.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    expected = {"a number": "a number", "a integer": "a whole number"}.get(expected, expected)
    hint = ""
    if isinstance(value, str) and "number" in expected:
        hint = "; YAML reads this as text: write 1.0e-4 for 1e-4, and no quotes"
    return f"{where}: {key} = {_short(value)}: expected {expected} ({Parameters.model_fields[key].description}){hint}."


def _short(value: object) -> str:
    """A value as it is shown in a sentence."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _named(key: str) -> str:
    return key if key.isidentifier() and len(key) <= 60 else _short(key)


def _nearest(key: str, names: list[str]) -> str:
    near = difflib.get_close_matches(key[:60], names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else "."
