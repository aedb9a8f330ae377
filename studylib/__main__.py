"""The study's commands: `study` runs it, `data` brings the paintings, `restore` restores a damaged one."""

import argparse
import contextlib
import fcntl
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from studylib import records


def main() -> int:
    """Parse the command line and run; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m studylib", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    study = commands.add_parser("study", help="run every experiment of a profile that is missing or stale")
    study.add_argument("--profile", default="smoke", choices=("smoke", "laptop", "paper"), help="how large (default: smoke)")
    study.add_argument("--cores", type=int, default=2, help="processor cores to use (default: 2)")
    study.add_argument("--gpu-runs", type=int, default=1, help="runs that share a GPU, where there is one (default: 1)")
    study.set_defaults(run=_study)
    fetch = commands.add_parser("data", help="bring the study's paintings from Hugging Face into a folder, resumable")
    fetch.add_argument("--folder", default=str(records.ROOT / "data"), help="where they go (default: data/)")
    fetch.set_defaults(run=_data)
    _restore_options(commands)
    asked = parser.parse_args()
    return asked.run(asked)


def _study(asked: argparse.Namespace) -> int:
    from studylib import batch, parameters

    file = Path("params") / "profiles" / f"{asked.profile}.yaml"
    try:
        profile = parameters.check(parameters.read(records.ROOT / file), where=str(file))
        experiments = parameters.experiments(records.ROOT, asked.profile)
        _check_folders(profile, file)
        # Snakemake's own lock outlives a killed run and must then be lifted by hand; this one ends with its process.
        lock = (records.ROOT / ".study.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        batch.check(asked.profile)
        batch.check_masks(profile, experiments)
    except BlockingIOError:
        print("Another `make study` is at work in this folder; wait for it, or stop it.", file=sys.stderr)
        return 2
    except (records.StorageError, ValueError, FileNotFoundError) as problem:
        print(problem, file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"{records.ROOT}: the study cannot write here (.study.lock: {problem.strerror}); it needs a clone of your own.",
              file=sys.stderr)
        return 2
    if unknown := records.revision().get("revision_unknown"):
        print(f"The git revision will not be in the records: {unknown}.", file=sys.stderr)
    # A record is written last and in one piece, so its presence means "done", also where Snakemake, papermill or the kernel was
    # killed just after; Snakemake would remove it, and the work with it.
    # Runs share a processor core by core, and a GPU as many at a time as were asked for.
    gpu = ["--resources", f"gpu={asked.gpu_runs}"] if shutil.which("nvidia-smi") else []
    command = [sys.executable, "-m", "snakemake", "--cores", str(asked.cores), *gpu, "--keep-going", "--keep-incomplete",
               "--ignore-incomplete", "--nolock", "--quiet", "host", "reason", "--runtime-source-cache-path",
               str(records.cache_folder() / "snakemake"), "--config", f"profile={asked.profile}"]
    return _run(asked.profile, command, batch.Tally(asked.profile, experiments))


def _check_folders(profile, file: Path) -> None:
    """Raises FileNotFoundError where the profile's own pictures or masks are to be used, and there are none."""
    needed = {"data_root": profile.data_root, "mask_root": profile.mask_root} if profile.source != "atelier" else {}
    for key, folder in needed.items():
        if folder and "://" not in folder and not (records.ROOT / Path(folder).expanduser()).is_dir():
            way = {"data_root": "`make data` brings the paintings, or link a folder of your own there",
                   "mask_root": "link a folder of irregular masks there, or leave it empty for procedural stand-ins"}[key]
            raise FileNotFoundError(f"{file}: {key} = {folder!r}: there is no such folder; {way}.")


def _run(profile: str, command: list[str], tally) -> int:
    """Run Snakemake, and the write-up in any case; the last line tells how many runs succeeded, failed and were not run."""
    from studylib import batch

    folder = Path("results") / profile
    write_up = folder / "06_write_up" / "write_up.json"
    started = time.monotonic()
    # Ctrl-C reaches Snakemake, papermill and, by it, the kernels: they end in their own time, and trainings write checkpoints.
    stopped = []
    signal.signal(signal.SIGINT, lambda *heard: stopped.append(heard))
    status = made_do = subprocess.run(command, cwd=records.ROOT).returncode
    if stopped:
        print("Stopped. `make study` goes on from here: runs that are done stay done, trainings continue.", file=sys.stderr)
    elif status:
        try:
            batch.check(profile)
        except records.StorageError as problem:
            print(problem, file=sys.stderr)
        if "06_write_up/write_up" in tally.records:
            print("Not every run succeeded (see above); the write-up makes do with the records that are there.", file=sys.stderr)
            made_do = subprocess.run([*command, "make_do=1", "--", str(write_up)], cwd=records.ROOT).returncode
    if not made_do and (records.ROOT / write_up).exists():
        for verdict in records.read(records.ROOT / write_up)["results"]["claims"]:
            print(f"{verdict['claim']:4s} {verdict['verdict']:28s} {verdict['question']}\n{'':4s} {verdict['numbers']}")
        print(f"\nThe executed notebooks are in {folder}/, the write-up is {write_up.with_suffix('.ipynb')}.")
    sys.stdout.flush()
    print(f"{tally.told()} It took {time.monotonic() - started:.0f} s.", file=sys.stderr if status else sys.stdout)
    return 130 if stopped else status


def _restore_options(commands) -> None:
    restore = commands.add_parser(
        "restore", help="restore damaged paintings", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""Restore damaged paintings with the weights in this repository; nothing is downloaded.

  python -m studylib restore fresco.tif --mask damage.png -o restored/
  python -m studylib restore scans/ --mask masks/ -o restored/          a folder; masks of the same names, or NAME_mask
                                                       (a folder's NAME_mask, NAME_restored, ... are no paintings of it)
  python -m studylib restore fresco.jpg --detect -o proposal/           writes a proposed mask, to be corrected by hand

For each painting OUT gets NAME_restored (bit for bit the original outside the mask), NAME_fill (the fill alone, a transparent
layer), NAME_tratteggio (the fill in fine strokes that a near look tells from the original), NAME_uncertainty.png (the error to
expect, from dark to yellow, over the picture in grey), NAME_restoration.json (what was done, with what) and NAME_report.html,
a page that shows it all.

A mask may be black and white, labels on black, a layer painted on a transparent ground, a copy of the painting with the holes
erased, or a copy with the holes painted over in red or another strong colour; it may have another size than the painting
(docs/masks.md). Where it can be read in two ways, or more than half of the painting would be lost, nothing is done but to write
OUT/NAME_mask_preview.png; --holes or --yes decides. A mask that was read with a doubt leaves its preview, too.

Exit status: 0, all is done; 1, of several paintings some were left out, or a mask has no hole; 2, nothing could be done.""")
    restore.add_argument("paintings", nargs="+", type=Path, metavar="PAINTING", help="pictures, or folders of them")
    restore.add_argument("--mask", type=Path, help="the mask of the damage; for several paintings a folder")
    restore.add_argument("-o", "--out", type=Path, required=True, help="folder for what comes out")
    restore.add_argument("--holes", choices=("auto", "white", "black"), default="auto",
                         help="what is the hole: white, what is not black; black, what is not white; of a painted layer white "
                              "(or black, if that is its paint) is the paint, the other one what is transparent; of a copy the "
                              "paint (default: the smaller part, where that is plain)")
    restore.add_argument("--grow", type=int, default=0, metavar="N", help="widen the mask by N pixels: damage has a halo")
    restore.add_argument("--method", choices=("auto", "model", "network", "telea", "ns", "biharmonic", "patchmatch"),
                         default="auto", help="default: what does best on the painting's own losses, laid where it is whole")
    restore.add_argument("--detect", nargs="?", const="light,dark,cracks", metavar="KINDS",
                         help="propose a mask of light, dark, cracks (default: all three) instead of reading one")
    restore.add_argument("--yes", action="store_true",
                         help="of a mask that can be read in two ways take the reading named first; with --detect restore at "
                              "once, the proposed mask unseen")
    restore.add_argument("--overwrite", action="store_true",
                         help="write into the paintings' own folder, or over results of an earlier run")
    restore.add_argument("--weights", type=Path, help="weights of your own training instead of the study's")
    restore.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the model computes (default: cpu)")
    restore.add_argument("--variants", type=int, default=0, choices=range(1, 9), metavar="1-8",
                         help="fills that are compared for the uncertainty (default: 5; above 20 megapixels 4)")
    restore.add_argument("--abstract", action="store_true",
                         help="fill parts too far from any paint by chromatic abstraction, not by an invention")
    restore.add_argument("--stroke", metavar="WIDTH",
                         help="of the tratteggio's lines, such as 3 (pixels) or 0.5mm (default: a 400th of the short side)")
    restore.add_argument("--angle", type=float, default=0.0, help="their angle from upright, degrees (default: 0)")
    restore.set_defaults(run=_restore)


def _restore(asked: argparse.Namespace) -> int:
    import torch

    from studylib import inputs, scans

    before = True
    try:
        if bool(asked.detect) == bool(asked.mask):
            raise scans.ScanError("--mask: expected a mask of the damage; --detect proposes one. It is the one or the other.")
        if asked.grow < 0:
            raise scans.ScanError(f"--grow {asked.grow}: expected 0 or more pixels.")
        if not math.isfinite(asked.angle):
            raise scans.ScanError(f"--angle {asked.angle:g}: expected degrees.")
        if asked.device == "cuda" and not torch.cuda.is_available():
            raise scans.ScanError("--device cuda: there is no GPU here that torch can use; the default is cpu.")
        found = inputs.gather(asked.paintings, None if asked.detect else asked.mask, asked.out)
        for said in (*found.passed, *found.missed):
            print(said, file=sys.stderr)
        if not found.pairs:
            return 2
        before = asked.out.exists()
        inputs.check_out(found.pairs, asked.out, asked.overwrite)
        return _restore_all(asked, found)
    except (ValueError, OSError, records.StorageError) as problem:
        print(_said(problem, asked.out), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; what had been written is whole, the rest was not begun.", file=sys.stderr)
        return 130
    finally:
        if not before:
            with contextlib.suppress(OSError):
                asked.out.rmdir()  # where nothing came out


def _said(problem: Exception, where: Path) -> str:
    """The one sentence of a problem; the system's own name no file, or in a way of their own."""
    told = isinstance(problem, OSError) and problem.strerror
    return f"{problem.filename or where}: {problem.strerror}." if told else str(problem)


def _restore_all(asked: argparse.Namespace, found) -> int:
    """Restore what can be restored, under one bar; the exit status."""
    from tqdm import tqdm

    from studylib import mask_files

    failed, empty = 0, 0
    with tqdm(total=len(found.pairs), bar_format="{desc} {bar} {percentage:3.0f}% {elapsed}") as bar:
        for number, (painting, mask) in enumerate(found.pairs):
            bar.set_description_str(painting.name)
            try:
                _restore_one(asked, painting, mask, bar)
            except (ValueError, FileNotFoundError) as problem:
                # One that cannot be restored does not keep the others waiting.
                tqdm.write(_said(problem, painting), file=sys.stderr)
                empty += isinstance(problem, mask_files.EmptyMask)
                failed += 1
            bar.update(number + 1 - bar.n)
    failed += len(found.missed)
    count = len(found.pairs) + len(found.missed)
    if failed and count > 1:
        print(f"{failed} of {count} paintings could not be restored (see above).", file=sys.stderr)
    if found.passed:
        print(f"{len(found.passed)} other files and folders were passed over (see above).", file=sys.stderr)
    if failed == count and not empty:
        return 2
    return int(bool(failed or found.passed))


def _restore_one(asked: argparse.Namespace, painting: Path, mask: Path | None, bar) -> None:
    from studylib import conservation, damage, scans

    if asked.detect:
        mask = asked.out / f"{painting.stem}_mask.png"
        if mask.exists():
            raise scans.ScanError(f"{mask}: exists, and may have been corrected by hand; restore with --mask {mask}, or "
                                  "remove it for another proposal.")
        picture = scans.read(painting)
        found = damage.detect(picture, tuple(asked.detect.split(",")))
        damage.write(found, picture, mask)
        bar.write(f"{mask}: proposed, {100 * found.mean():.2f} % of the picture; look at it and correct it by hand, then "
                  f"restore with --mask {mask}" + (" (--yes: done at once)" if asked.yes else ""))
        if not asked.yes:
            return
    done = bar.n
    written = conservation.restore(
        painting, asked.out, mask=mask, holes="white" if asked.detect else asked.holes, yes=asked.yes, grown=asked.grow,
        method=asked.method, weights=asked.weights, device=asked.device, variants=asked.variants,
        stroke=asked.stroke, angle=asked.angle, abstract=asked.abstract, say=bar.write,
        progress=lambda part: bar.update(done + 0.95 * part - bar.n))
    bar.write("\n".join(map(str, written)))


def _data(asked: argparse.Namespace) -> int:
    from studylib import data

    try:
        data.fetch(Path(asked.folder))
    except (data.DataError, records.StorageError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; what has come is kept, and `make data` goes on from there.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    # In a locale that is not UTF-8 file names would be taken for what they are not, here and in all that is started from here.
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.execve(sys.executable, [sys.executable, "-m", "studylib", *sys.argv[1:]], {**os.environ, "PYTHONUTF8": "1"})
    sys.exit(main())
