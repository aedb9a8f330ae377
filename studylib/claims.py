"""The study's claims and their verdicts, computed from the records alone.

Each claim has a rule that is written down here before the numbers are in; a verdict is one of `reproduced`, `refuted`,
`explained` or `not decided`, and a run at smoke scale decides nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studylib import intervals, records

_DECIDING = ("laptop", "paper")
_CLASSICAL = ("mean colour", "Telea", "Navier-Stokes", "biharmonic")
_MODEL = "this model"


@dataclass(frozen=True)
class Verdict:
    """One row of the table of claims."""

    claim: str
    question: str
    verdict: str
    numbers: str
    notebook: str


def load(folder: Path | str) -> dict[str, dict]:
    """All records below a profile's folder, as {"<notebook>/<experiment>": record}, the write-up's own left out."""
    files = sorted(Path(folder).glob("*/*.json"))
    return {f"{file.parent.name}/{file.stem}": records.read(file) for file in files if file.parent.name != "06_write_up"}


def verdicts(found: dict[str, dict], profile: str) -> list[Verdict]:
    """A verdict for every claim; where records are missing it says which."""
    table = []
    for claim, (question, needs, rule) in _RULES.items():
        missing = [name for name in needs if name not in found]
        if missing or rule is None:
            verdict, numbers = "not decided", f"not run: {', '.join(missing)}" if missing else "not run"
        else:
            verdict, numbers = rule(*(found[name] for name in needs))
            verdict = verdict if profile in _DECIDING else "not decided at this scale"
        notebooks = sorted({name.split("/")[0] for name in needs})
        table.append(Verdict(claim, question, verdict, numbers, ", ".join(notebooks)))
    return table


def gain(record: dict, family: str, other: str, metric: str = "psnr") -> tuple[float, float, float]:
    """Paired gain of the record's model over a classical method, with its interval; positive is better."""
    values = record["results"]["metrics"][family]
    sign = 1 if intervals.METRICS[metric][1] else -1
    mean, *ends = intervals.difference(values[_MODEL][metric], values[other][metric])
    return (sign * mean, *sorted(sign * end for end in ends))


def _said(interval: tuple[float, float, float], unit: str = " dB") -> str:
    mean, low, high = interval
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]{unit}"


def _largest_group(curation: dict) -> tuple[str, str]:
    got = curation["results"]
    (artist, style, count), *others = got["ranking"]
    following = f", next {others[0][0]} {others[0][2]}" if others else ""
    numbers = f"{artist}, {style}: {count} pictures{following}; {got['used']} used, {len(got['rejected'])} rejected"
    if got["source"] == "atelier":
        return "not decided", f"embedded pictures have no artists; {numbers}"
    if len(got["ranking"]) < 20:
        return "not decided", f"{numbers}; only {len(got['ranking'])} groups at hand, `ranking_url` ranks them all"
    return "reproduced" if (artist, style) == ("pierre-auguste-renoir", "Impressionism") else "refuted", numbers


def _learns_its_mask(published: dict) -> tuple[str, str]:
    mean, telea = (gain(published, "training", other) for other in ("mean colour", "Telea"))
    return ("reproduced" if mean[1] > 0 else "refuted" if mean[2] < 0 else "not decided",
            f"on its own mask, against mean colour {_said(mean)}, against Telea {_said(telea)}")


def _random_masks(fixed: dict, random: dict) -> tuple[str, str]:
    learned = gain(random, "perlin", "mean colour")
    ours, theirs = (record["results"]["metrics"]["perlin"][_MODEL]["psnr"] for record in (random, fixed))
    apart = intervals.difference(ours, theirs)
    return ("refuted" if learned[1] > 0 else "reproduced" if learned[2] < 0 else "not decided",
            f"on unseen Perlin masks after {random['results']['updates']} updates, against mean colour {_said(learned)}, "
            f"against the same with one fixed mask {_said(apart)}")


def _fails_on_circle(published: dict) -> tuple[str, str]:
    own, circle = (gain(published, family, "mean colour") for family in ("training", "circle"))
    return ("reproduced" if circle[2] < 0 < own[1] else "refuted" if circle[1] > 0 else "not decided",
            f"against mean colour: on its own mask {_said(own)}, on the circle {_said(circle)}")


def _regularity(record: dict) -> tuple[str, str]:
    tests = record["results"]["convergence"]
    said = []
    for subject, curves in tests.items():
        states = {True: "yes", False: "no", None: "undecided"}
        each = (f"{name.replace('_', ' ')} {states[test['converged']]}" for name, test in curves.items())
        said.append(f"{subject}: {', '.join(each)}")
    said[-1] += f" (after {min(record['results']['updates'].values())} updates)"
    settled = {subject: [test["converged"] for test in curves.values()] for subject, curves in tests.items()}
    if all(settled["faces"]) and any(state is False for state in settled["paintings"]):
        verdict = "reproduced"
    else:
        verdict = "refuted" if all(settled["paintings"]) else "not decided"
    return verdict, "converged? " + "; ".join(said)


def _style(none: dict, *arms: dict) -> tuple[str, str]:
    said, helped, harmed = [], [], []
    for arm in arms:
        where = arm["parameters"]["style_in"]
        change = {}
        for metric in ("style", "psnr"):
            # One value a picture, its mean over mask families: only pictures are drawn independently.
            ours, theirs = (np.mean([family[_MODEL][metric] for family in record["results"]["metrics"].values()], axis=0)
                            for record in (arm, none))
            change[metric] = intervals.difference(ours, theirs)
        helped.append(change["style"][2] < 0)
        harmed.append(change["style"][1] > 0)
        said.append(f"{where}: style distance {_said(change['style'], '')}, PSNR {_said(change['psnr'])}")
    return ("reproduced" if any(helped) else "refuted" if all(harmed) else "not decided"), "; ".join(said)


def _any_mask(record: dict) -> tuple[str, str]:
    unseen = [family for family in record["results"]["metrics"]
              if family not in ("training", *record["parameters"]["train_masks"])]
    gains = {family: intervals.against_best({family: record["results"]["metrics"][family]}, _MODEL, list(_CLASSICAL))[family]
             for family in unseen}
    said = "; ".join(f"{family}: {_said(tuple(rest))} against {best}" for family, (best, *rest) in gains.items())
    if not gains:
        return "not decided", "no family was kept from the training"
    better = [low > 0 for _, _, low, _ in gains.values()]
    worse = [high < 0 for *_, high in gains.values()]
    return ("reproduced" if all(better) else "refuted" if all(worse) else "not decided"), f"families never trained on: {said}"


_TRAINED = "03_gan_training/"
_STYLE = "04_style_loss_ablation/"
_RULES = {
    "C1": ("Renoir's Impressionist works are the largest group of one artist in one style",
           ["01_data_curation/curation"], _largest_group),
    "C2": ("art across artists, styles and media trains worse", [_TRAINED + "mixture"], None),
    "C3": ("trained on one Perlin mask, it learns to fill that mask (Figure 1)",
           [_TRAINED + "published"], _learns_its_mask),
    "C4": ("random masks cannot be learned", [_TRAINED + "fixed_mask", _TRAINED + "random_masks"], _random_masks),
    "C5": ("trained on one Perlin mask, it fails on a circle (Figure 2)", [_TRAINED + "published"], _fails_on_circle),
    "C6": ("perhaps there is too little data", [_TRAINED + "pictures_250"], None),
    "C7": ("perhaps art is not regular enough: faces converge, paintings do not",
           ["05_celeba_regularity/regularity"], _regularity),
    "C8": ("perhaps it was not trained long enough", [_TRAINED + "longer"], None),
    "C9": ("style features should inform both losses",
           [_STYLE + arm for arm in ("none", "generator", "discriminator", "both")], _style),
    "C10": ("a model for any mask, also one it never saw", [_TRAINED + "any_mask"], _any_mask),
    "C11": ("a damaged painting goes in, a restoration comes out", ["07_restoration/frescoes"], None),
}
