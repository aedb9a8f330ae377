# The study as one rule: notebook x parameter file -> executed notebook (the log, kept when it fails) + record (the output).
import ast
import json
import shlex
import sys
from pathlib import Path

from studylib import claims, parameters

PYTHON = shlex.quote(sys.executable)
PROFILE = config.get("profile", "smoke")
FOLDER = f"results/{PROFILE}"
WRITE_UP, RESTORATION = "06_write_up", "07_restoration"
NATIVE = "results/bench/restoration.json"
BEHIND = f"results/{claims.STAND_IN[PROFILE]}" if PROFILE in claims.STAND_IN else ""


def modules(source):
    """The files of studylib that Python source imports, and those that they import in turn."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            path = ("studylib." * node.level + (node.module or "")).strip(".").split(".")
            names = path[1:2] or [name.name for name in node.names] if path[0] == "studylib" else []
            for file in (Path("studylib") / f"{name}.py" for name in names):
                if file.exists():
                    found |= {str(file), *modules(file.read_text())}
    return sorted(found)


def library(notebook):
    cells = json.loads(Path(f"notebooks/{notebook}.ipynb").read_text())["cells"]
    return modules("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))


try:
    EXPERIMENTS = parameters.experiments(".", PROFILE)
except parameters.ParameterError as problem:
    raise WorkflowError(str(problem)) from None
LIBRARY = {notebook: library(notebook) for notebook, _ in EXPERIMENTS}


def others(wildcards):
    """The write-up reads all the other records, or, told to make do, those that are there; the rest stand alone.

    Of the profile that stands in for this one it always makes do with what there is. The restoration shows the test at native
    size, where that has been run.
    """
    if wildcards.notebook == RESTORATION:
        return [NATIVE] if Path(NATIVE).exists() else []
    if wildcards.notebook != WRITE_UP:
        return []
    names = [f"{notebook}/{experiment}.json" for notebook, experiment in EXPERIMENTS if notebook != WRITE_UP]
    own, behind = ([f"{folder}/{name}" for name in names if folder] for folder in (FOLDER, BEHIND))
    there = [file for file in own + behind if Path(file).exists()]
    return there if config.get("make_do") else list(dict.fromkeys(own + there))


def begun_from(notebook, experiment):
    """The weights that a run starts from, those of another run; none: nothing."""
    return parameters.read(f"params/{notebook}/{experiment}.yaml").get("start", "").replace("{profile}", PROFILE)


STARTS = {begun_from(*name) for name in EXPERIMENTS} - {""}


def start(wildcards):
    weights = begun_from(wildcards.notebook, wildcards.experiment)
    return [weights] if weights else []


def table(wildcards):
    """The table of counts that a run ranks."""
    asked = parameters.read(f"params/{wildcards.notebook}/{wildcards.experiment}.yaml").get("ranking_url", "")
    return [asked] if asked.endswith(".csv") else []


def cores(wildcards):
    """As many as the run's torch threads: threads that share a core with another run's mostly wait for each other."""
    return parameters.read(f"params/{wildcards.notebook}/{wildcards.experiment}.yaml").get("threads") or 1


onstart:
    # For the last line of `make study`, which tells what became of them.
    with open(".snakemake/planned", "a", encoding="utf-8") as notes:
        for job in workflow.dag.needrun_jobs():
            notes.writelines("/".join(Path(file).with_suffix("").parts[-2:]) + "\n" for file in job.output)


rule all:
    input:
        [f"{FOLDER}/{notebook}/{experiment}.json" for notebook, experiment in EXPERIMENTS],


rule experiment:
    input:
        notebook="notebooks/{notebook}.ipynb",
        profile=f"params/profiles/{PROFILE}.yaml",
        experiment="params/{notebook}/{experiment}.yaml",
        library=lambda wildcards: LIBRARY[wildcards.notebook],
        records=others,
        start=start,
        table=table,
    output:
        record=FOLDER + "/{notebook}/{experiment}.json",
    log:
        notebook=FOLDER + "/{notebook}/{experiment}.ipynb",
    threads: cores
    resources:
        gpu=1,
    message:
        "{wildcards.notebook}/{wildcards.experiment}"
    shell:
        # One thread a run, if it does not ask for more: two runs then use two cores, and their numbers do not depend on each other.
        "echo {wildcards.notebook}/{wildcards.experiment} 2>/dev/null >> .snakemake/begun || true; "
        "export OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads} OPENBLAS_NUM_THREADS={threads}; "
        "said=$({PYTHON} -m studylib.kernels {input.notebook} {log.notebook} -f {input.profile} -f {input.experiment} -p record {output.record} "
        "--no-progress-bar --kernel python3 2>&1) "
        "|| {{ echo \"{wildcards.notebook}/{wildcards.experiment} failed: ${{said##*$'\\n'}}\" >&2; exit 1; }}"


# A run that another starts from is made again where its weights are wanted and not there: a repository does not keep them all.
use rule experiment as beginning with:
    output:
        record=FOLDER + "/{notebook}/{experiment}.json",
        weights=FOLDER + "/{notebook}/{experiment}.safetensors",
    wildcard_constraints:
        experiment="|".join(Path(weights).stem for weights in sorted(STARTS)) or "(?!)",


ruleorder: beginning > experiment
