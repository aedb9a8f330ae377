"""The study's claims and their verdicts, computed from the records alone.

Each claim has a rule, in its function's first words. Rules were first written before the numbers were in; some were mended since,
where they took for decided what was not (over seeds), or gave no sensible answer. A verdict is one of `reproduced`, `refuted`,
`explained` or `not decided`; of C11, a wish, it says whether what was built works as specified. A run at smoke scale decides
nothing.

The study's recipe begins as the smoothest surface through the known pixels, which by itself beats most methods without training.
What it learned is therefore its gain over that start, the runs `untrained`; where that is too little, nothing is decided by it.
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from studylib import intervals, records

STAND_IN = {"paper": "laptop"}  # whose records a claim is judged by where those of a profile are not all there
_DECIDING = ("laptop", "paper")
_CLASSICAL = ("mean colour", "Telea", "Navier-Stokes", "biharmonic")
_MODEL = "this model"
LEAST_GAIN, LEAST_LPIPS = 0.7, 0.25  # over the best classical method: dB of hole PSNR, and the share by which LPIPS is lower


@dataclass(frozen=True)
class Verdict:
    """One row of the table of claims."""

    claim: str
    question: str
    verdict: str
    profile: str
    numbers: str
    notebook: str


def load(folder: Path | str) -> dict[str, dict]:
    """All records below a profile's folder, as {"<notebook>/<experiment>": record}, the write-up's own left out.

    Raises:
        RecordError: one is damaged, or its metrics are not numbers, one a picture.
    """
    files = sorted(Path(folder).glob("*/*.json"))
    found = {f"{file.parent.name}/{file.stem}": records.read(file) for file in files if file.parent.name != "06_write_up"}
    for name, record in found.items():
        try:
            if "metrics" not in record["results"] and name.startswith((_TRAINED, _STYLE)):
                raise ValueError("it holds no metrics")
            ratios = record["results"].get("hole", {})
            for family, methods in record["results"].get("metrics", {}).items():
                held = [np.array(values) for of in (*methods.values(), {"hole": ratios[family]} if family in ratios else {})
                        for values in of.values()]
                right = all(each.ndim == 1 and len(each) > 1 and np.isfinite(each.astype(float)).all() for each in held)
                if not right or len({len(each) for each in held}) != 1:
                    raise ValueError(f"the metrics of {family!r} are not numbers, as many for each method")
        except (AttributeError, TypeError, ValueError, OverflowError) as problem:
            raise records.RecordError(f"{folder}/{name}.json: is not as its notebook writes it ({problem}); delete it and run "
                                      "`make study` again.") from None
    return found


def verdicts(found: dict[str, dict], profile: str, behind: dict[str, dict] | None = None) -> list[Verdict]:
    """A verdict for every claim; where records are missing it says which.

    Args:
        found, profile: a profile's records, and its name.
        behind: the records of the profile that stands in for it. A claim is judged by records of one profile alone, this one's
            unless more of those that it needs are there of the other.
    """
    table = []
    for claim, (question, needs, rule) in _RULES.items():
        known, of = found, profile
        missing, others = ([name for name in needs if name not in records_] for records_ in (found, behind or {}))
        if len(others) < len(missing):
            known, of, missing = behind, STAND_IN.get(profile, profile), others
        if missing:
            verdict, numbers = "not decided", f"not run: {', '.join(missing)}"
        else:
            verdict, numbers = _judged(rule, {name: known[name] for name in needs})
            verdict = verdict if of in _DECIDING else "not decided at this scale"
        notebooks = sorted({name.split("/")[0] for name in needs})
        table.append(Verdict(claim, question, verdict, of, numbers, ", ".join(notebooks)))
    return table


def values(record: dict, family: str, metric: str = "psnr", method: str = _MODEL) -> np.ndarray:
    """A method's values under a mask family, one a picture; the record's own model unless another is named."""
    return np.array(record["results"]["metrics"][family][method][metric])


def over_families(record: dict, metric: str = "psnr") -> np.ndarray:
    """One value a picture, its mean over the families it was tested with: only pictures are drawn independently."""
    families = [family for family in record["results"]["metrics"] if family not in ("training", "fixed")]
    return np.mean([values(record, family, metric) for family in families], axis=0)


def gain_table(record: dict, start: dict, least: float = 0.0) -> str:
    """The model's gain over the best classical method of each family in hole PSNR, and the change in LPIPS, as Markdown.

    Args:
        start: the record of the untrained model, tested on the same pictures and masks.
        least: hole ratio of the pictures that count; a family with fewer than 5 such pictures is left out.
    """
    lines = ["| masks | best classical, hole PSNR | gain (dB) | untrained | best classical, LPIPS | change (less is better) | "
             "untrained |", "|---|---|---|---|---|---|---|"]
    lpips = {row[0]: row for row in in_buckets(record, ((least, 1.0),), "lpips")}
    for family, _, _, count, best, *gained in in_buckets(record, ((least, 1.0),)):
        own = np.array(record["results"]["hole"][family]) >= least
        _, _, _, _, judged, *less = lpips[family]
        before, at_best = (np.mean(values(record, family, metric, name)[own])
                           for metric, name in (("psnr", best), ("lpips", judged)))
        begun, unlike = (np.mean(values(start, family, metric)[own]) for metric in ("psnr", "lpips"))
        change = [-100 * less[place] / at_best for place in (0, 2, 1)]
        shown = family if own.all() else f"{family} ({count})"
        lines.append(f"| {shown} | {best} {before:.2f} | {_said(gained, '')} | {begun - before:+.2f} | {judged} {at_best:.3f} | "
                     f"{change[0]:+.0f} % [{change[1]:+.0f}, {change[2]:+.0f}] | {100 * (unlike / at_best - 1):+.0f} % |")
    return "\n".join(lines)


def elsewhere_table(found: dict[str, dict]) -> str:
    """What `gain_table` shows of both models for any mask, on other pictures than those they were judged by, as Markdown.

    Args:
        found: records by the names of their runs; of `ELSEWHERE` those count that are there.
    """
    lines = ["| pictures | masks | best classical, hole PSNR | gain (dB), PSNR loss | gain (dB), with VGG-19 and adversary | "
             "best classical, LPIPS | change (less is better) |", "|---|---|---|---|---|---|---|"]
    for ending, pictures in ELSEWHERE.items():
        plain, looks = (found.get(arm + ending, {}).get("results", {}).get("metrics", {}) for arm in _ANY_MASK)
        for family, scored in looks.items():
            gains = [intervals.against_best({family: of[family]}, _MODEL, list(_CLASSICAL))[family] if of else None
                     for of in (plain, looks)]
            judged, *less = intervals.against_best({family: scored}, _MODEL, list(_CLASSICAL), "lpips")[family]
            psnr, lpips = (np.mean(scored[name][metric]) for name, metric in ((gains[1][0], "psnr"), (judged, "lpips")))
            mean, high, low = (-100 * part / lpips for part in less)
            lines.append(f"| {pictures} | {family} | {gains[1][0]} {psnr:.2f} | "
                         + " | ".join(_said(gained[1:], "") if gained else "" for gained in gains)
                         + f" | {judged} {lpips:.3f} | {mean:+.0f} % [{low:+.0f}, {high:+.0f}] |")
    return "\n".join(lines)


def in_buckets(record: dict, buckets: tuple, metric: str = "psnr") -> list[tuple]:
    """The model's gain over the best classical method in each hole-ratio bucket of each family that has 5 pictures or more.

    Args:
        buckets: (low, high) hole ratios.

    Returns:
        Rows (family, low, high, pictures, best classical method there, gain, its interval's low, high); above 0 is better.
    """
    rows = []
    for family, scored in record["results"]["metrics"].items():
        ratios = np.array(record["results"].get("hole", {}).get(family, []), float)
        for low, high in buckets:
            own = np.flatnonzero((ratios >= low) & (ratios < high))
            if len(own) >= 5:
                part = {family: {name: {metric: np.array(each[metric])[own]} for name, each in scored.items() if metric in each}}
                best, *change = intervals.against_best(part, _MODEL, list(_CLASSICAL), metric)[family]
                rows.append((family, low, high, len(own), best, *change))
    return rows


def rungs(found: dict[str, dict]) -> dict[str, dict]:
    """The records of the ladder from the published setting to the study's, by what each rung changes; those that are there."""
    arms = dict(zip(RUNGS, ("published", *LADDER), strict=True))
    return {name: found[_TRAINED + arm] for name, arm in arms.items() if _TRAINED + arm in found}


def _judged(rule, needed: dict[str, dict]) -> tuple[str, str]:
    try:
        return rule(*needed.values())
    except KeyError as missing:
        return "not decided", f"{_one_of(needed)} was made by an older notebook and lacks {missing}; `make study` makes it anew"
    except (ArithmeticError, AttributeError, IndexError, StopIteration, TypeError, ValueError) as problem:
        return "not decided", f"{_one_of(needed)} is not as its notebook writes it ({problem}); `make study` makes it anew"


def _one_of(names) -> str:
    return f"one of {', '.join(names)}" if len(names) > 1 else "".join(names)


def gain(record: dict, family: str, other: str, metric: str = "psnr") -> tuple[float, float, float]:
    """Paired gain of the record's model over a classical method, with its interval; positive is better."""
    sign = 1 if intervals.METRICS[metric][1] else -1
    mean, *ends = intervals.difference(values(record, family, metric), values(record, family, metric, other))
    return (sign * mean, *sorted(sign * end for end in ends))


def on_circle(reach) -> tuple[float, float, float]:
    """Of a square map: the part within the original's test circle, the part of the circle reached at all, the circle's area."""
    reach = np.array(reach)
    place = (np.arange(len(reach)) + 0.5) / len(reach) - 0.5
    inside = place[:, None]**2 + place[None, :]**2 < (20 / 128)**2
    return float(reach[inside].sum() / reach.sum()), float((reach[inside] > 0).mean()), float(inside.mean())


def _said(interval: tuple[float, float, float], unit: str = " dB") -> str:
    mean, low, high = interval
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]{unit}"


def _largest_group(curation: dict) -> tuple[str, str]:
    """Reproduced if the study's artist and style are the largest of 20 groups or more."""
    got = curation["results"]
    (artist, style, count), *others = got["ranking"]
    following = "".join(f", then {name}, {of}: {number}" for name, of, number in others[:2])
    numbers = f"{artist}, {style}: {count} pictures{following}; at hand {got['used']} used, {len(got['rejected'])} rejected"
    if got["source"] == "atelier":
        return "not decided", f"embedded pictures have no artists; {numbers}"
    if len(got["ranking"]) < 20:
        return "not decided", f"{numbers}; only {len(got['ranking'])} groups at hand, `ranking_url` ranks them all"
    return "reproduced" if (artist, style) == ("pierre-auguste-renoir", "Impressionism") else "refuted", numbers


def _over_seeds(runs: tuple, family: str, other: str) -> tuple[tuple[float, float, float], str]:
    """Gain over a classical method as the mean over runs, each with a split of its own; and each run's, to be told."""
    return _of_seeds([gain(run, family, other)[0] for run in runs])


def _of_seeds(means: list[float]) -> tuple[tuple[float, float, float], str]:
    """The mean over runs with its interval; and in words, each run's beside it."""
    change = intervals.over_runs(means)
    return change, f"{_said(change)} (seeds: {', '.join(f'{each:+.2f}' for each in means)})"


def _learns_its_mask(*seeds: dict) -> tuple[str, str]:
    """Reproduced if it beats the mean colour on its own mask over all seeds."""
    mean, said = _over_seeds(seeds, "training", "mean colour")
    return ("reproduced" if mean[1] > 0 else "refuted" if mean[2] < 0 else "not decided",
            f"by its PSNR alone, edges are not measured: on its own mask, against mean colour {said}, against Telea "
            f"{_over_seeds(seeds, 'training', 'Telea')[1]}")


def _random_masks(*arms: dict) -> tuple[str, str]:
    """Refuted if the last rung that begins with white holes learns them over all seeds; explained if a rung also says how.

    The study's recipe is told of and not judged: it begins far above the mean colour.
    """
    ladder, (*seeds, start) = arms[:len(_WHITE)], arms[len(_WHITE):]
    published, white = (ladder[1], *seeds[:len(OTHER_SEEDS)]), (ladder[-1], *seeds[len(OTHER_SEEDS):])
    learned, said = _over_seeds(white, "perlin", "mean colour")
    said = [f"unseen Perlin masks, against mean colour: from white holes, with all its rungs, {said}, the published network "
            f"with a step per batch and fresh masks {_over_seeds(published, 'perlin', 'mean colour')[1]}; the study's recipe, "
            f"untrained, {_said(gain(start, 'perlin', 'mean colour'))}"]
    steps = []
    for name, before, after in zip(RUNGS[2:], ladder, ladder[1:], strict=False):
        steps.append(intervals.difference(values(after, "perlin"), values(before, "perlin")))
        said.append(f"{name} {_said(steps[-1])}")
    said[1] = f"rungs, {published[0]['results']['updates']} updates, one seed: {said[1]}"
    if learned[1] > 0:
        return "explained" if any(step[1] > 0 for step in steps[1:]) else "refuted", "; ".join(said)
    return ("reproduced" if learned[2] < 0 else "not decided"), "; ".join(said)


def _fails_on_circle(*seeds: dict) -> tuple[str, str]:
    """Reproduced if it loses to the mean colour there, by more than on its own mask; explained if no gradient reached it."""
    (_, said_own), (circle, said_circle) = (_over_seeds(seeds, family, "mean colour") for family in ("training", "circle"))
    own, there = ([gain(run, family, "mean colour")[0] for run in seeds] for family in ("training", "circle"))
    worse = intervals.over_runs(np.subtract(there, own))
    share, _, area = on_circle(np.mean([run["results"]["gradient_map"] for run in seeds], 0))
    reached = ", ".join(f"{100 * on_circle(run['results']['gradient_map'])[1]:.0f}" for run in seeds)
    numbers = (f"against mean colour: on its own mask {said_own}, on the circle {said_circle}; of the gradient at the output "
               f"{100 * share:.1f} % lies within the circle, whose area is {100 * area:.1f} %; of the circle it reached "
               f"{reached} %")
    if max(circle[2], worse[2]) < 0:
        return "explained" if share < 0.1 * area else "reproduced", numbers
    return "refuted" if circle[1] > 0 else "not decided", numbers


def _learned(record: dict, start: dict) -> tuple[bool, str]:
    """Did a run learn enough to tell 0.1 dB by: is it surely more than that ahead of its own start? And what to say of it."""
    change = intervals.difference(over_families(record), over_families(start))
    return change[1] > 0.1, f"over all families {_said(change)} ahead of the untrained start"


def _mixture(start: dict, *arms: dict) -> tuple[str, str]:
    """On one artist's pictures, a model trained on a mixture of as many, against one trained on that artist alone, by 0.1 dB.

    Over all seeds. Not decided where the mixture has but one artist, or the one artist's model has learned less than that.
    """
    one, mixed = arms[:len(arms) // 2], arms[len(arms) // 2:]
    elsewhere = one[0]["results"]["elsewhere"]
    groups = [(subject, artist) for subject, of in elsewhere.items() for artist in dict.fromkeys(of["artist"])]
    tests = [_of_seeds([_on_artist(*pair, *group) for pair in zip(mixed, one, strict=True)]) for group in groups]
    change, first = tests[0]
    said = [f"{artist} ({elsewhere[subject]['artist'].count(artist)} of the {subject}) {told}" for (subject, artist), told
            in zip(groups, (first, *(_said(other) for other, _ in tests[1:])), strict=True)]
    learned, far = _learned(one[0], start)
    told = (f"{one[0]['parameters']['train']} pictures each, under the masks `{one[0]['parameters']['test_masks'][0]}`; the "
            f"mixture's gain on {', '.join(said)}; the first seed's model of one artist is {far}")
    if len({artist for _, artist in groups}) < 2:
        return "not decided", f"the mixture holds one artist's pictures only; {told}"
    side = "reproduced" if change[2] < -0.1 else "refuted" if change[1] > -0.1 else "not decided"
    return side if learned else "not decided", told


def _on_artist(mixed: dict, one: dict, subject: str, artist: str) -> float:
    tested = one["results"]["elsewhere"][subject]["artist"]
    ours, theirs = (np.array(record["results"]["elsewhere"][subject]["metrics"][_MODEL]["psnr"]) for record in (mixed, one))
    return float(np.mean((ours - theirs)[[name == artist for name in tested]]))


def _little_data(start: dict, *arms: dict) -> tuple[str, str]:
    """Too little, if the last doubling still helps by 0.1 dB over all seeds; enough at this length, if surely by less.

    Not decided where the run with the most pictures has learned less than that.
    """
    arms, others = arms[:4], arms[4:]
    fewer, more = others[:len(others) // 2], others[len(others) // 2:]
    said = []
    for before, after in pairwise(arms):
        change = intervals.difference(over_families(after), over_families(before))
        count = " to ".join(str(of["parameters"]["train"]) for of in (before, after))
        said.append("{} pictures {:+.3f} [{:+.3f}, {:+.3f}] dB".format(count, *change))
    rest = [intervals.difference(over_families(after), over_families(before))[0]
            for before, after in zip(fewer, more, strict=True)]
    change, told = _of_seeds([change[0], *rest])
    learned, far = _learned(after, start)
    said = (f"after {after['results']['updates']} updates, one seed: {'; '.join(said)}; the last doubling over all seeds {told}; "
            f"with all pictures the first seed is {far}")
    side = "reproduced" if change[1] > 0.1 else "refuted" if change[2] < 0.1 else "not decided"
    return side if learned else "not decided", said


def _too_short(*arms: dict) -> tuple[str, str]:
    """Not long enough, if four times the updates help the study's recipe and the published setting, each over all its seeds."""
    seeds = len(arms) // 4
    ours, longer, published, published_longer = (arms[at:at + seeds] for at in range(0, len(arms), seeds))
    said, changes = [], []
    for name, before, after, read in (("the study's recipe, over all families", ours, longer, over_families),
                                      ("published setting, on its own mask", published, published_longer,
                                       partial(values, family="training"))):
        change, told = _of_seeds([intervals.difference(read(late), read(early))[0]
                                  for early, late in zip(before, after, strict=True)])
        updates = " to ".join(str(runs[0]["results"]["updates"]) for runs in (before, after))
        said.append(f"{name}, {updates} updates: {told}")
        changes.append(change)
    said.append(f"which then stands {_over_seeds(published_longer, 'training', 'Telea')[1]} from Telea")
    if all(low > 0 for _, low, _ in changes):
        return "reproduced", "; ".join(said)
    return "refuted" if all(high < 0 for *_, high in changes) else "not decided", "; ".join(said)


def _regularity(record: dict, control: dict) -> tuple[str, str]:
    """Reproduced if all losses come to rest on faces and one does not on paintings; refuted if all do on paintings.

    The adversarial term is told and not judged: with a hinge it mirrors the discriminator's loss on fakes, about a mean near 0,
    of which no change is a small part. Not decided where the distance to the truth, from its first quarter to its last, has not
    moved by more than the test of rest allows: what never moved does not come to rest.
    """
    moved = {subject: _moved(curves["reconstruction"]) for subject, curves in record["results"]["curves"].items()}
    settled = {subject: [test["converged"] for name, test in curves.items() if name != "adversarial"]
               for subject, curves in record["results"]["convergence"].items()}
    said = (f"converged? {_at_rest(record)} (after {min(record['results']['updates'].values())} updates); the embedded control, "
            f"portraits as faces and scenes as paintings: {_at_rest(control)}; reconstruction, first quarter to last: "
            + ", ".join(f"{subject} {100 * change:+.1f} %" for subject, change in moved.items()))
    if min(map(abs, moved.values())) < 0.05:
        return "not decided", said
    if all(settled["faces"]) and any(state is False for state in settled["paintings"]):
        return "reproduced", said
    return "refuted" if all(settled["paintings"]) else "not decided", said


def _moved(curve: list[float]) -> float:
    """A curve's change from the mean of its first quarter to that of its last, relative to the first."""
    quarter = max(1, len(curve) // 4)
    return float(np.mean(curve[-quarter:]) / np.mean(curve[:quarter]) - 1)


def _at_rest(record: dict) -> str:
    states = {True: "yes", False: "no", None: "undecided"}
    said = {subject: [f"{name.replace('_', ' ')} {states[test['converged']]}" for name, test in curves.items()]
            for subject, curves in record["results"]["convergence"].items()}
    return "; ".join(f"{subject}: {', '.join(each)}" for subject, each in said.items())


def _style(none: dict, *arms: dict) -> tuple[str, str]:
    """Style helps where it acts if its distance falls by 5 % or more and the PSNR by no more than 0.5 dB, intervals and all.

    Half a decibel is what the model for any mask may give up for its looks, too. Reproduced, if it helps in the generator's loss
    and before a discriminator; explained, if it helps in one and surely not in the other; refuted, if surely nowhere. LPIPS is
    told and not judged.
    """
    said, helped, useless = [], {}, {}
    base = over_families(none, "style")
    for arm in arms:
        relative = np.array(intervals.difference(over_families(arm, "style"), base)) / np.mean(base)
        psnr = intervals.difference(over_families(arm), over_families(none))
        asked = arm["parameters"]
        place = asked["style_in"]
        helped[place] = helped.get(place, False) or (relative[2] <= -0.05 and psnr[1] >= -0.5)
        useless[place] = useless.get(place, True) and (relative[1] > -0.05 or psnr[2] < -0.5)
        where = place if place == "discriminator" else f"{place} ({asked['style_weight']:g})"
        said.append(f"{where}: style distance {_said(tuple(100 * relative), ' %')}, PSNR {_said(psnr)}")
        if all("lpips" in methods[_MODEL] for of in (none, arm) for methods in of["results"]["metrics"].values()):
            change = np.array(intervals.difference(over_families(arm, "lpips"), over_families(none, "lpips")))
            said[-1] += f", LPIPS {_said(tuple(100 * change / over_families(none, 'lpips').mean()), ' %')}"
    if all(useless.values()):
        return "refuted", "; ".join(said)
    places = [helped[place] for place in ("generator", "discriminator") if helped[place] or useless[place]]
    if len(places) < 2 or not any(places):
        return "not decided", "; ".join(said)
    return "reproduced" if all(places) else "explained", "; ".join(said)


def _any_mask(start: dict, *models: dict) -> tuple[str, str]:
    """Reproduced if both models, without an adversary and with, beat the best classical method on every family they never saw.

    And their own untrained start, too.
    """
    judged = [_unseen(record, start) for record in models]
    sides = {side for side, _ in judged}
    said = "; ".join(f"{name}: {said}" for name, (_, said) in zip(("PSNR loss", "PSNR + VGG + GAN"), judged, strict=True))
    return sides.pop() if len(sides) == 1 else "not decided", f"one seed; families never trained on, {said}"


def _unseen(record: dict, start: dict) -> tuple[str, str]:
    asked = record["parameters"]
    seen = {"training", "fixed", *asked["train_masks"]}
    if "cracks" in seen and not asked["mask_root"]:
        seen.add("craquelure")  # without maps of real cracks it is drawn as those are
    unseen = [family for family in record["results"]["metrics"] if family not in seen]
    gains = {family: intervals.against_best({family: record["results"]["metrics"][family]}, _MODEL, list(_CLASSICAL))[family]
             for family in unseen}
    learned = {family: intervals.difference(values(record, family), values(start, family)) for family in unseen}
    said = ", ".join(f"{family} {_said(tuple(rest))} against {best}, {_said(learned[family])} against its start"
                     for family, (best, *rest) in gains.items())
    if not gains:
        return "not decided", "no family was kept from the training"
    better = [low > 0 for change in (gains, learned) for *_, low, _ in change.values()]
    worse = [high < 0 for *_, high in gains.values()]
    return ("reproduced" if all(better) else "refuted" if all(worse) else "not decided"), said


def _restored(record: dict) -> tuple[str, str]:
    """Works as specified where, on made losses in pictures at native size, the model is in the mean at least 0.7 dB of hole PSNR
    above the best classical method and 25 % of LPIPS below it, on every family of losses.

    Families that miss are named; where most of them do, or something changed outside the mask of a painting that was restored,
    it does not work as specified.
    """
    paintings, rows = record["results"]["paintings"], record["results"]["native"]
    changed = [name for name, of in paintings.items() if not of["unchanged_outside"]]
    said = [f"of {len(paintings)} damaged paintings restored, {_listed(changed)} changed outside the mask"]
    if not rows:
        return "not decided: no benchmark", "; ".join([*said, "`make bench-restoration` has not been run"])
    *families, whole = rows
    missing = [of["family"] for of in families if of["psnr_classical"][1] < LEAST_GAIN or of["lpips_classical"][1] > -LEAST_LPIPS]
    rivals = {name: rival for name, rival in (("the best classical method", "classical"), ("PatchMatch", "patchmatch"))
              if f"psnr_{rival}" in whole}
    said.append(f"made losses of {len(families)} families at native size: " + ", ".join(
        f"against {name} hole PSNR {_said(whole[f'psnr_{rival}'][1:])}, LPIPS {_percent(whole[f'lpips_{rival}'][1:])}"
        for name, rival in rivals.items()))
    said.append("by family, against the best classical method: " + ", ".join(
        f"{of['family']} {of['psnr_classical'][1]:+.2f} dB, {100 * of['lpips_classical'][1]:+.0f} %" for of in families))
    said.append("texture like the surroundings': lightness in {} of {} fills, chroma in {} of {}".format(
        *whole["lightness_within"], *whole["chroma_within"]))
    works = f"works as specified on {max(of['pictures'] for of in families)} pictures"
    if changed or 2 * len(missing) > len(families):
        return "does not work as specified", "; ".join(said)
    return (f"{works} but for {', '.join(missing)}" if missing else works), "; ".join(said)


def _percent(interval: tuple[float, float, float]) -> str:
    mean, low, high = (100 * part for part in interval)
    return f"{mean:+.0f} [{low:+.0f}, {high:+.0f}] %"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


_TRAINED = "03_gan_training/"
_STYLE = "04_style_loss_ablation/"


def _seeds(arm: str, others: int = 2) -> tuple[str, ...]:
    return arm, *(f"{arm}_seed_{seed}" for seed in range(1, others + 1))


PUBLISHED = _seeds("published", 4)
OTHER_SEEDS = _seeds("random_masks")[1:]
WHITE_SEEDS = ("ladder_8_seed_1", "ladder_8_seed_2")
_ANY_MASK = ("any_mask_128", "any_mask_128_adversarial")
# Other pictures that the models for any mask were tested on: the ending of the run's name, and what they are.
ELSEWHERE = {"_monet": "Monet", "_nara": "Nara picture books", "_at_256": "Renoir, 256 pixels"}
LADDER = ("fixed_mask", "random_masks", "ladder_3_mask_input", "ladder_4_skips", "ladder_5_hole_loss", "ladder_6_group_norm",
          "ladder_7_patch_judge", "ladder_8_average", "only_perlin")
_WHITE = LADDER[:-1]  # the rungs that begin with white holes
# What each rung of the ladder changes; the first is the published setting.
RUNGS = ("as published", "+ a step per batch", "+ a fresh mask a picture", "+ the mask as input", "+ skip connections",
         "+ loss over the hole", "+ group normalisation", "+ patch discriminator", "+ mirroring, average", "the study's recipe")
_RULES = {
    "C1": ("Renoir's Impressionist works are the largest group of one artist in one style",
           ["01_data_curation/curation"], _largest_group),
    "C2": ("art across artists, styles and media trains worse",
           [_TRAINED + arm for arm in ("untrained", *_seeds("one_artist", 4), *_seeds("mixture", 4))], _mixture),
    "C3": ("trained on one Perlin mask, it learns that mask's colours and edges (Figure 1)",
           [_TRAINED + arm for arm in PUBLISHED], _learns_its_mask),
    "C4": ("random masks cannot be learned",
           [_TRAINED + arm for arm in (*_WHITE, *OTHER_SEEDS, *WHITE_SEEDS, "untrained")], _random_masks),
    "C5": ("trained on one Perlin mask, it fails on a circle (Figure 2)",
           [_TRAINED + arm for arm in PUBLISHED], _fails_on_circle),
    "C6": ("perhaps there is too little data",
           [_TRAINED + arm for arm in ("untrained", "pictures_100", "pictures_250", "pictures_500", "any_mask",
                                       *_seeds("pictures_500", 4)[1:], *_seeds("any_mask", 4)[1:])], _little_data),
    "C7": ("perhaps art is not regular enough: faces converge, paintings do not",
           ["05_celeba_regularity/regularity", "05_celeba_regularity/control"], _regularity),
    "C8": ("perhaps it was not trained long enough",
           [_TRAINED + arm for arms in ("any_mask", "longer", "published", "published_longer") for arm in _seeds(arms, 4)],
           _too_short),
    "C9": ("style features should inform both losses",
           [_STYLE + arm for arm in ("none", "generator", "generator_strong", "discriminator", "both")], _style),
    "C10": ("a model for any mask, also one it never saw", [_TRAINED + arm for arm in ("untrained_128", *_ANY_MASK)],
            _any_mask),
    "C11": ("a damaged painting goes in, a restoration comes out", ["07_restoration/frescoes"], _restored),
}
