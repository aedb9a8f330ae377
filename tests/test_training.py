"""Training is a function of its parameters and pictures: interrupted, repeated or split, it gives the same weights."""

import gc
import os
import re
import shutil
import signal
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from studylib import atelier, masks, networks, parameters, records, restoration, training

TINY = {"size": 32, "width": 8, "batch": 4, "max_updates": 4, "discriminator": "none", "lr": 1e-3}
ADVERSARIES = [{}, {"discriminator": "patch"}, {"style_in": "generator", "style_weight": 0.1},
               {"style_in": "discriminator", "discriminator": "patch"},
               {"style_in": "both", "discriminator": "patch", "style_weight": 0.1}]


def ask(**more):
    return parameters.check({**TINY, **more})


@pytest.fixture(scope="module")
def pictures():
    """Ten training pictures: two whole batches of four and a last one of two."""
    return torch.from_numpy(atelier.paint("scenes", 10, 32, seed=3)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def validation():
    return torch.from_numpy(atelier.paint("scenes", 3, 32, seed=4)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture
def run(pictures, validation):
    return lambda **more: training.train(ask(**more), pictures, validation)


@pytest.fixture
def seen(monkeypatch):
    """What each update sees: (pictures, masks)."""
    batches, batch = [], training._Run.batch

    def remember(self):
        *shown, filled = batch(self)
        batches.append(tuple(shown))
        return *shown, filled

    monkeypatch.setattr(training._Run, "batch", remember)
    return batches


def erase():
    """No checkpoint is left."""
    shutil.rmtree(records.cache_folder() / "checkpoints")


def weights(trained):
    return trained.generator.state_dict()


def same(one, two):
    return list(one) == list(two) and all(torch.equal(one[name], two[name]) for name in one)


def numbers(batches, pictures):
    """Which of the pictures the batches hold."""
    shown = ((torch.cat([batch for batch, _ in batches]) + 1) * 127.5).round().byte()
    return [next(number for number, picture in enumerate(pictures) if torch.equal(one, picture)) for one in shown]


def test_the_same_run_gives_the_same_weights_whatever_the_global_random_state(run):
    asked = {"discriminator": "patch", "augment": "mirror"}
    torch.manual_seed(1)
    first = run(**asked)
    erase()
    torch.manual_seed(2)
    second = run(**asked)
    assert same(weights(first), weights(second))
    assert first.history == second.history
    assert first.validation == second.validation
    assert not same(weights(first), weights(run(**asked, seed=1)))


@pytest.mark.parametrize("asked", [
    {}, {"augment": "crop", "diff_augment": True, "discriminator": "patch", "perceptual_weight": 1.0},
    {"style_in": "both", "discriminator": "patch", "style_weight": 0.1},
    {"generator": "context_encoder", "discriminator": "context_encoder", "size": 64, "norm": "batch", "adversarial": "bce"}],
    ids=["plain", "everything", "style", "published"])
def test_a_deterministic_run_uses_no_other_operations_and_changes_nothing_else(monkeypatch, asked):
    """A processor gives the same bits anyway; torch refuses what could not, and knows it for a GPU's operations too."""
    size = asked.get("size", TINY["size"])
    pictures, large = (torch.from_numpy(atelier.paint("scenes", 5, side, seed=3)).permute(0, 3, 1, 2).contiguous()
                       for side in (size, 2 * size))
    modes, step = [], training._Run.step

    def noted(self):
        modes.append(torch.get_deterministic_debug_mode())
        step(self)

    monkeypatch.setattr(training._Run, "step", noted)
    runs = [training.train(ask(**asked, deterministic=wanted), pictures, pictures, large=large) for wanted in (False, True)]
    assert same(*map(weights, runs))
    assert modes == [0] * 4 + [2] * 4
    assert torch.get_deterministic_debug_mode() == 0


def test_training_leaves_the_global_random_state_alone(run):
    before = torch.get_rng_state()
    run(discriminator="patch", augment="mirror", max_updates=1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("asked", [
    {}, {"norm": "batch", "ema": 0.9, "schedule": "cosine", "augment": "mirror", "discriminator": "patch"},
    {"style_in": "both", "discriminator": "patch"}, {"optimiser": "muon", "discriminator": "patch"}],
    ids=["plain", "everything", "style", "muon"])
def test_an_interrupted_run_continues_bit_by_bit(run, monkeypatch, asked):
    asked = {**asked, "max_updates": 6, "validate_every": 2}
    whole = run(**asked)
    erase()
    step, steps = training._Run.step, []

    def interrupted(self):
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(self.update)
        step(self)

    monkeypatch.setattr(training._Run, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(**asked)
    steps[:] = [None] * 4
    continued = run(**asked)
    assert steps[4:] == [2, 3, 4, 5]
    assert same(weights(continued), weights(whole))
    assert continued.history == whole.history
    assert continued.validation == whole.validation


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_writes_a_checkpoint_first(run, monkeypatch, capsys, seen, asked):
    # A shell's background jobs are born deaf to Ctrl-C.
    signals = (signal.SIGINT, signal.SIGTERM)
    step, before = training._Run.step, [signal.signal(number, signal.default_int_handler) for number in signals]

    def interrupted(self):
        if self.update == 1:
            signal.raise_signal(asked)
        step(self)

    monkeypatch.setattr(training._Run, "step", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
    said = capsys.readouterr().err
    assert re.search(r"Stopped at update 2 of 4; the last checkpoint is kept at .*\.pt\. The same call goes on", said)
    monkeypatch.setattr(training._Run, "step", step)
    seen.clear()
    continued = run()
    assert len(seen) == 2
    erase()
    assert same(weights(continued), weights(run()))


def test_a_second_interrupt_does_not_wait(run, monkeypatch, cache):
    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training._Run, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not list(cache.glob("checkpoints/*"))


def test_a_run_in_a_thread_leaves_signals_alone(run):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run).result().updates == 4


@pytest.mark.parametrize("harm", ["flipped", "cut", "emptied"])
def test_a_damaged_checkpoint_is_named_and_the_run_starts_anew(run, seen, cache, capsys, harm):
    first = run()
    (kept,) = cache.glob("checkpoints/*.pt")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes({"flipped": content, "cut": content[:-9], "emptied": b""}[harm])
    seen.clear()
    again = run()
    assert f"{kept}: is damaged; the training starts anew" in capsys.readouterr().err
    assert len(seen) == 4
    assert same(weights(first), weights(again))


def test_what_a_killed_run_was_writing_is_removed(run, cache):
    run()
    (kept,) = cache.glob("checkpoints/*.pt")
    stale = kept.with_name(f".{kept.name}.abc.part")
    stale.touch()
    other = kept.with_name(".other.pt.abc.part")
    other.touch()
    run()
    assert set(kept.parent.iterdir()) == {kept, other}


@pytest.mark.parametrize(("name", "other"), [("versions", {"torch": "1.0"}), ("source_hash", "other")])
def test_a_checkpoint_is_not_continued_by_other_code(run, seen, monkeypatch, name, other):
    run()
    seen.clear()
    monkeypatch.setattr(records, name, lambda: other)
    run()
    assert len(seen) == 4


def test_a_checkpoint_is_not_continued_on_another_kind_of_device(monkeypatch):
    """A run that began on a GPU and ended without would be neither's."""
    here = training._checkpoint(ask(), "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **more: True)
    assert training._checkpoint(ask(), "") != here


@pytest.mark.parametrize("change", [{"lr": 2e-3}, {"seed": 1}, {"fill": "mean"}, {"max_updates": 5}])
def test_a_checkpoint_is_not_continued_by_other_parameters(run, seen, change):
    run()
    seen.clear()
    run()
    assert not seen
    run(**change)
    assert len(seen) == change.get("max_updates", 4)


def test_a_checkpoint_is_not_continued_with_other_pictures(pictures, validation, seen):
    for name in ("these", "those"):
        training.train(ask(), pictures, validation, data_hash=name)
    assert len(seen) == 8


def test_where_the_record_goes_does_not_matter_to_a_checkpoint(run, seen):
    run()
    run(record="elsewhere.json")
    assert len(seen) == 4


@pytest.mark.parametrize("asked", [{}, {"train_masks": ["box", "strokes", "circle"], "train_hole": [0.1, 0.3]},
                                   {"fixed_mask": True}])
def test_masks_do_not_depend_on_how_the_batches_are_cut(asked):
    whole = training.training_masks(ask(**asked), 11, 5, "cpu")
    cuts = ((1, 5), (6, 6), (2, 12), (2, 14))
    parts = [training.training_masks(ask(**asked), count, start, "cpu") for count, start in cuts]
    assert whole.shape == (11, 1, 32, 32)
    assert torch.equal(torch.cat(parts), whole)


def test_families_take_turns():
    asked = ask(train_masks=["box", "strokes", "cracks"])
    mixed = training.training_masks(asked, 9, 0, "cpu")
    for index, family in enumerate(asked.train_masks):
        own = training.training_masks(ask(train_masks=[family]), 3, 0, "cpu")
        box = masks.sample(family, 3, 32, seed=training._TRAIN_STREAM)
        assert torch.equal(own, box)
        assert torch.equal(mixed[index::3], box)


def test_a_family_that_is_named_twice_comes_twice_as_often_with_masks_of_its_own():
    asked = [ask(train_masks=names) for names in (["box", "cracks"], ["box", "cracks", "cracks"])]
    once, twice = (training.training_masks(one, 30, 0, "cpu").flatten(1) for one in asked)
    assert torch.equal(twice[:2], once[:2])
    assert torch.equal(twice[1::3], once[1::2][:10])
    assert len(torch.cat([twice[1::3], twice[2::3]]).unique(dim=0)) == 20
    assert torch.equal(*(training.evaluation_masks(one, "training", 30) for one in asked))  # or runs could not be compared


def test_training_holes_are_as_large_as_asked():
    ratio = training.training_masks(ask(train_hole=[0.3, 0.4]), 20, 0, "cpu").mean((1, 2, 3))
    assert ratio.min() > 0.29
    assert ratio.max() < 0.41


def test_the_fixed_mask_is_one_mask_in_all_updates_and_tests(run, seen):
    run(fixed_mask=True, updates="batch", epochs=2)
    everywhere = torch.cat([holes for _, holes in seen])
    one = everywhere[:1]
    assert torch.equal(everywhere, one.expand_as(everywhere))
    assert 0.07 < one.mean() < 0.105
    tested = training.evaluation_masks(ask(fixed_mask=True), "training", 5)
    assert torch.equal(tested, one.expand_as(tested))
    assert torch.equal(training.evaluation_masks(ask(seed=7), "fixed", 5), tested)
    assert not torch.equal(training.training_masks(ask(fixed_mask=True, seed=1), 1, 0, "cpu"), one)


def test_grain_is_another_in_every_update(run, monkeypatch):
    taken, add = [], networks.under_grain

    def remember(filled, mask, number, *use):
        taken.extend([] if use else [number])
        return add(filled, mask, number, *use)

    monkeypatch.setattr(networks, "under_grain", remember)
    run(fill="grain")
    assert taken == list(range(TINY["max_updates"]))


@pytest.mark.parametrize("more", [{}, {"fill": "grain"}, {"augment": "crop", "train_masks": ["perlin", "box", "strokes"]},
                                  {"fixed_mask": True, "updates": "epoch", "augment": "mirror"}])
def test_updates_prepared_at_once_are_those_prepared_one_by_one(pictures, validation, more):
    large = torch.nn.functional.interpolate(pictures, scale_factor=2)
    one, many = (training._Run(ask(max_updates=7, **more), pictures, validation, "", large) for _ in range(2))
    many.prepare(0, 9)
    for update in range(9):  # also beyond the last: nothing else counts them
        one.update = many.update = update
        for ours, theirs in zip(many.batch(), one.batch(), strict=True):
            assert torch.equal(ours, theirs)
    assert not many.ready and not one.ready


def test_a_gpu_prepares_the_same_updates_together_after_a_pause(pictures, validation, monkeypatch):
    monkeypatch.setattr(training, "_AHEAD", 4)
    run, made = training._Run(ask(max_updates=9), pictures, validation, ""), []
    run.device, prepare = "cuda", run.prepare
    monkeypatch.setattr(run, "prepare", lambda first, ahead: made.append((first, ahead)) or setattr(run, "device", "cpu")
                        or prepare(first, ahead) or setattr(run, "device", "cuda"))
    run.update = 6
    assert [len(run.batch()[0]) for run.update in range(6, 9)] == [4, 4, 2] and made == [(4, 4), (8, 4)]


def test_a_run_is_let_go_of_with_its_graphs(pictures, validation):
    run = training._Run(ask(), pictures, validation, "")
    run.graphs[4], gone = training._Graph(), weakref.ref(run)
    gc.disable()
    try:
        del run
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("more", [{}, {"discriminator": "patch"}, {"optimiser": "muon", "ema": 0.9}])
def test_an_update_as_a_graph_is_the_update_itself(pictures, validation, more):
    """Also as the step size falls; one that was recorded as a number would differ by many updates."""
    asked = ask(max_updates=20, device="cuda", schedule="cosine", **more)
    runs = [training._Run(asked, pictures, validation, "") for _ in range(2)]
    runs[1].graphed = False
    for run in runs:
        for _ in range(20):
            run.step()
    assert any(graph.graph for graph in runs[0].graphs.values())
    for ours, theirs in zip(*(run.generator.parameters() for run in runs), strict=True):
        assert torch.allclose(ours, theirs, atol=2e-4)


def test_fresh_masks_are_fresh_in_every_update(run, seen):
    run(max_updates=6)
    holes = torch.cat([holes for _, holes in seen])
    assert len(holes.flatten(1).unique(dim=0)) == len(holes)


def test_without_an_epoch_the_network_stays_as_it_starts(run, seen, pictures):
    given = run(epochs=0)
    assert (given.updates, given.validation, given.curves()["generator"], seen) == (0, [], [], [])
    truth = pictures[:2].float() / 127.5 - 1
    hole = (torch.arange(truth.shape[-1]) > 8).float().expand(2, 1, *truth.shape[-2:])
    start = training.build(ask(epochs=0))[0]
    assert torch.equal(given.inpaint(truth, hole), networks.inpainter(start, given.fill)(truth, hole))


def test_an_epoch_sees_every_picture_once(run, seen, pictures):
    run(epochs=2, max_updates=0)
    assert [len(batch) for batch, _ in seen] == [4, 4, 2] * 2
    first, second = numbers(seen[:3], pictures), numbers(seen[3:], pictures)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_published_updates_are_one_an_epoch_on_its_last_mini_batch(run, seen, pictures):
    run(epochs=3, max_updates=0)
    last = numbers(seen[2::3], pictures)
    seen.clear()
    assert run(epochs=3, max_updates=0, updates="epoch").updates == 3
    assert [len(batch) for batch, _ in seen] == [2, 2, 2]
    assert numbers(seen, pictures) == last


@pytest.mark.parametrize("count", [9, 10, 11, 12])
def test_no_update_sees_a_single_picture(run, seen, pictures, validation, count):
    """The published bottleneck is one pixel a channel: its batch normalisation cannot be trained on one picture."""
    training.train(ask(epochs=1, max_updates=0), pictures.repeat(2, 1, 1, 1)[:count], validation)
    assert min(len(batch) for batch, _ in seen) > 1


def test_augmentation_mirrors_some_pictures_and_changes_nothing_else(run, seen, pictures):
    run(augment="mirror", epochs=2, max_updates=0)
    twice = torch.cat([pictures, pictures.flip(3)])
    found = numbers(seen, twice)
    assert sorted(number % 10 for number in found) == sorted([*range(10)] * 2)
    assert any(number < 10 for number in found)
    assert any(number >= 10 for number in found)


def test_crops_come_from_the_same_pictures_at_twice_the_size(pictures, validation, seen):
    """Every second update; a picture is told by its colour, which no crop or mirroring changes."""
    shades = torch.arange(10, dtype=torch.uint8).mul(25)[:, None, None, None]
    plain, large = shades.expand(10, 3, 32, 32).contiguous(), shades.add(3).expand(10, 3, 64, 64).contiguous()
    training.train(ask(augment="crop"), plain, validation, large=large)
    shown = [((batch[:, 0] + 1) * 127.5).round() for batch, _ in seen]
    assert [set((batch % 25).unique().tolist()) for batch in shown] == [{0.0}, {3.0}] * 2
    assert torch.equal(shown[0].amax((1, 2)) // 25, shown[0].amin((1, 2)) // 25)
    erase()
    with pytest.raises(ValueError, match="at twice the size"):
        training.train(ask(augment="crop"), pictures, validation)


def test_crops_differ_in_place_and_size(validation):
    ramp = torch.arange(64, dtype=torch.uint8).expand(10, 3, 64, 64).contiguous()
    run = training._Run(ask(augment="crop"), ramp[..., :32, :32].contiguous(), validation, "", ramp)
    spans = set()
    for update in range(1, 41, 2):
        cut = run.crops(torch.arange(4), update)
        spans |= {(line.min().item(), line.max().item()) for line in cut[:, 0, 0]}
        assert cut.shape == (4, 3, 32, 32)
        assert cut.max() - cut.min() >= 28
    assert len(spans) > 20


def test_every_second_mask_may_be_wide(pictures):
    asked = ask(train_masks=["perlin", "cracks"], train_wide=True)
    holes = training.training_masks(asked, 200, 0, "cpu")
    natural, wide = holes.view(50, 4, -1)[:, :2], holes.view(50, 4, -1)[:, 2:]
    assert natural.mean(2).max() < 0.35
    assert wide.mean(2).max() > 0.5
    assert torch.equal(training.training_masks(asked, 7, 13, "cpu"), holes[13:20])


@pytest.mark.parametrize(("content", "sentence"), [
    (None, "there is no such file of weights"), ("text", "does not hold the weights"), ("wide", "another generator")])
def test_weights_to_start_from_are_checked(run, tmp_path, content, sentence):
    path = tmp_path / "start.safetensors"
    if content == "text":
        path.write_text("no weights")
    elif content == "wide":
        asked = ask(width=16, keep_weights=True, record=str(tmp_path / "start.json"))
        training.keep_weights(training.Trained(networks.UNet(16), "mean", 1, 0.0), asked)
    with pytest.raises(parameters.ParameterError, match=rf"start = '.*start\.safetensors': .*{sentence}"):
        run(start=str(path))


def test_weights_of_the_same_profile_may_be_named(run, tmp_path):
    asked = ask(keep_weights=True, record=str(tmp_path / "notebook.json"))
    training.keep_weights(run(), asked)
    path = str(tmp_path / "{profile}.safetensors")
    assert same(training.start_of(ask(start=path)), training.start_of(ask(start=path.format(profile="notebook"))))


def test_the_map_of_gradients_teaches_a_generator_nothing(pictures):
    """One fresh from a finished checkpoint is in training mode, in which batch normalisation learns from all it is shown."""
    asked = ask(generator="context_encoder", norm="batch", size=64)
    shown = torch.nn.functional.interpolate(pictures.float(), 64).byte()
    generator = training.build(asked)[0].train()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    training.gradient_map(asked, generator, shown, updates=2)
    assert same(before, generator.state_dict())


def test_a_run_may_start_from_another_s_weights(run, tmp_path):
    asked = {"keep_weights": True, "record": str(tmp_path / "first.json")}
    first = run(**asked)
    training.keep_weights(first, ask(**asked))
    path = str(tmp_path / "first.safetensors")
    further = run(start=path, lr=1e-12, ema=0.5)
    kept = networks.unpacked(networks.packed(weights(first)))
    assert all(torch.allclose(kept[name], value, atol=1e-6) for name, value in weights(further).items())
    assert not same(weights(further), weights(run(lr=1e-12, ema=0.5)))


def test_weights_of_another_generator_are_no_start(run, tmp_path):
    """As those of one that grows in another way; which one a file holds, it tells."""
    asked = ask(keep_weights=True, record=str(tmp_path / "first.json"), upsampling="bilinear")
    training.keep_weights(run(upsampling="bilinear"), asked)
    path = str(tmp_path / "first.safetensors")
    assert restoration.load(path)[0].upsampling == "bilinear"
    with pytest.raises(parameters.ParameterError, match="holds the weights of another generator"):
        training.start_of(ask(start=path))


def test_weights_that_may_have_seen_the_validation_pictures_are_no_start(run, tmp_path):
    asked = ask(keep_weights=True, record=str(tmp_path / "first.json"))
    files = training.keep_weights(run(), asked)
    records.write(asked.record, notebook="03_gan_training", parameters=asked.model_dump(), results={}, seconds=1.0, files=files)
    start = str(tmp_path / "first.safetensors")
    assert training.start_of(ask(start=start))
    with pytest.raises(parameters.ParameterError, match=r"start = '.*first\.safetensors': was trained on other pictures"):
        training.start_of(ask(start=start, seed=1))


@pytest.mark.parametrize(("asked", "right"), [
    ({}, True), ({"artist": "claude-monet", "epochs": 0}, True), ({"artist": "claude-monet", "epochs": 0, "seed": 1}, True),
    ({"artist": "claude-monet"}, False), ({"style": "Realism", "epochs": 0}, False),
    ({"artist": "claude-monet", "epochs": 0, "subject": "mixture"}, False),
    ({"artist": "claude-monet", "epochs": 0, "source": "atelier"}, False)])
def test_weights_may_be_tested_on_an_artist_they_never_saw(tmp_path, asked, right):
    first = ask(keep_weights=True, record=str(tmp_path / "first.json"), source="wikiart")
    files = training.keep_weights(training.Trained(training.build(first)[0], "mean", 1, 0.0), first)
    records.write(first.record, notebook="03_gan_training", parameters=first.model_dump(), results={}, seconds=1.0, files=files)
    second = ask(start=str(tmp_path / "first.safetensors"), **{"source": "wikiart", **asked})
    if right:
        assert training.start_of(second)
    else:
        with pytest.raises(parameters.ParameterError, match="or epochs = 0 and another artist"):
            training.start_of(second)


@pytest.mark.parametrize(("asked", "count", "updates"), [
    ({"epochs": 3}, 10, 9), ({"epochs": 3}, 8, 6), ({"epochs": 3}, 1, 3), ({"epochs": 3, "updates": "epoch"}, 10, 3),
    ({"epochs": 200, "max_updates": 50}, 10, 50), ({"epochs": 2, "max_updates": 50}, 10, 6),
    ({"epochs": 200, "max_updates": 50, "effort": 4.0}, 10, 200), ({"epochs": 2, "effort": 0.5}, 10, 3),
    ({"epochs": 0, "effort": 4.0}, 10, 0), ({"epochs": 1, "effort": 0.01}, 10, 1),
    ({"epochs": 200, "effort": 9.0, "limit_updates": 12}, 10, 12)])
def test_planned_updates(asked, count, updates):
    assert training.planned_updates(ask(**{"max_updates": 0, **asked}), count) == updates


def test_a_loss_that_is_no_number_is_told_in_a_sentence(run, monkeypatch):
    monkeypatch.setattr(training.losses, "reconstruction", lambda output, *rest: 1e39 * output.mean())
    with pytest.raises(training.TrainingError, match=r"A loss is no longer a number at update 1; .*A smaller `lr`"):
        run()


@pytest.mark.parametrize("spoil", ["weight", "moment"])
def test_what_is_no_number_is_never_kept(run, cache, monkeypatch, spoil):
    """The loss tells of the weights before the last step: here the last one before a checkpoint spoils them."""
    step = training._Run.step

    def spoiled(self):
        step(self)
        if self.update == 4:
            weight = next(iter(self.generator.parameters()))
            (weight.data if spoil == "weight" else self.optimisers[0].state[weight]["exp_avg_sq"]).fill_(float("inf"))

    monkeypatch.setattr(training._Run, "step", spoiled)
    with pytest.raises(training.TrainingError, match=r"no longer a number at update 4; the last checkpoint is kept at .*\.pt"):
        run(validate_every=2)
    (kept,) = cache.glob("checkpoints/*")
    with records.unsealed(kept) as file:
        state = torch.load(file, weights_only=True)
    assert state["update"] == 2
    assert all(value.isfinite().all() for value in state["networks"]["generator"].values())


def test_losses_that_explode_stop_the_run(run, monkeypatch):
    monkeypatch.setattr(training, "_LOOK", 3)
    monkeypatch.setattr(training.losses, "reconstruction", lambda output, *rest: 1e7 * (output.mean() + 2))
    with pytest.raises(training.TrainingError, match=r"`reconstruction` has exploded: beyond 1e\+06 for 3 updates"):
        run()


class _Certain(torch.nn.Module):
    """Knows truths from composites by heart, and tells nobody how; or lets its gradient through."""

    def __init__(self, tells):
        super().__init__()
        self.weight, self.shown, self.tells = torch.nn.Parameter(torch.zeros(())), 0, tells

    def forward(self, picture):
        self.shown += 1
        verdict = 30.0 if self.shown % 3 == 1 else -30.0  # truths, composites, and composites again for the generator
        return verdict + self.weight * 0 + picture.mean((1, 2, 3)) * self.tells


@pytest.mark.parametrize(("tells", "adversarial", "stops"), [(0, "bce", True), (0, "hinge", True), (1e-3, "bce", False)])
def test_a_discriminator_that_has_won_for_good_stops_the_run(run, monkeypatch, tells, adversarial, stops):
    build = training.build
    monkeypatch.setattr(training, "_WON", 6)
    monkeypatch.setattr(training, "build", lambda asked: (build(asked)[0], _Certain(tells), None))
    asked = {"discriminator": "patch", "adversarial": adversarial, "max_updates": 8, "validate_every": 2}
    if not stops:
        assert run(**asked).updates == 8
        return
    with pytest.raises(training.TrainingError, match=r"has won for good: in the last 6 updates, up to update 6, it"):
        run(**asked)
    with pytest.raises(training.TrainingError, match="up to update 6"):
        run(**asked)


@pytest.mark.parametrize("problem", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."),
                                     RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")])
def test_too_little_memory_is_told_in_a_sentence(run, monkeypatch, problem):
    def fail(self):
        raise problem

    monkeypatch.setattr(training._Run, "step", fail)
    with pytest.raises(training.TrainingError, match=r"not enough memory .*no checkpoint had been written yet.*smaller `batch`"):
        run()


def test_an_error_of_another_kind_is_not_mistaken(run, monkeypatch):
    monkeypatch.setattr(training._Run, "step", lambda self: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        run()


def test_a_full_disk_keeps_the_last_checkpoint(run, cache, monkeypatch):
    """Also where the file system says no only while it is written to."""
    whole = run(validate_every=2)
    erase()
    saves, save = [], torch.save

    def full(state, file):
        saves.append(state["update"])
        if len(saves) > 1 and not isinstance(file, records._Counter):
            raise OSError(28, "No space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(records.StorageError, match=r"checkpoints: cannot write .*\.pt, \d.* MB \(No space left on device, .*"):
        run(validate_every=2)
    monkeypatch.setattr(torch, "save", save)
    (kept,) = cache.glob("checkpoints/*")
    with records.unsealed(kept) as file:
        assert torch.load(file, weights_only=True)["update"] == 2
    assert same(weights(run(validate_every=2)), weights(whole))


def test_too_small_a_disk_is_told_before_the_first_update(run, seen, monkeypatch):
    monkeypatch.setattr(records.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(records.StorageError, match=r"checkpoints: cannot write .*1\.0 kB free"):
        run()
    assert not seen


def test_a_finished_run_needs_no_room(run, monkeypatch):
    run()
    monkeypatch.setattr(records.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    assert run().updates == 4


def test_a_checkpoint_is_about_as_large_as_was_foretold(run, cache, pictures, validation):
    asked = {"discriminator": "patch", "ema": 0.9, "width": 32}
    run(**asked)
    (kept,) = cache.glob("checkpoints/*.pt")
    assert training._Run(ask(**asked), pictures, validation, "").size() == pytest.approx(kept.stat().st_size, rel=0.1)


def test_the_moving_average_is_one(run, monkeypatch):
    """Of the weights after each update, forgetting faster while young: (1 + n) / (10 + n), `ema` at most."""
    after, step = [], training._Run.step

    def remember(self):
        if not after:
            after.append([weight.clone() for weight in self.generator.state_dict().values()])
        step(self)
        after.append([weight.clone() for weight in self.generator.state_dict().values()])

    monkeypatch.setattr(training._Run, "step", remember)
    averaged = list(weights(run(ema=0.25)).values())
    expected = after[0]
    for update, now in enumerate(after[1:], 1):
        decay = min(0.25, (1 + update) / (10 + update))
        expected = [decay * old + (1 - decay) * new for old, new in zip(expected, now, strict=True)]
    assert all(torch.allclose(one, two, atol=1e-6) for one, two in zip(averaged, expected, strict=True))
    assert not all(torch.equal(one, two) for one, two in zip(averaged, after[-1], strict=True))


@pytest.mark.parametrize(("asked", "sizes"), [
    ({}, [0.02, 0.02]), ({"discriminator_lr": 1e-3}, [0.02, 1e-3]), ({"optimiser": "muon"}, [0.02, 1e-3, 1e-3]),
    ({"optimiser": "muon", "discriminator_lr": 5e-4}, [0.02, 1e-3, 5e-4])])
def test_step_sizes_of_generator_and_discriminator(pictures, validation, asked, sizes):
    """Muon's own, that of its biases, the discriminator's; all follow the schedule."""
    run = training._Run(ask(lr=0.02, discriminator="patch", schedule="cosine", **asked), pictures, validation, "")
    groups = [group for optimiser in run.optimisers for group in optimiser.param_groups]
    assert [group["lr"] for group in groups] == pytest.approx(sizes)
    run.update = run.planned // 2
    run.step()
    assert [group["lr"] for group in groups] == pytest.approx([size / 2 for size in sizes])


@pytest.mark.parametrize("asked", ADVERSARIES)
def test_every_combination_of_losses_learns_from_numbers(run, asked):
    trained = run(**asked, max_updates=1)
    assert all(torch.tensor(curve).isfinite().all() for curve in trained.history.values())
    judged = asked.get("discriminator") == "patch"
    assert bool(any(trained.history["discriminator_real"])) == judged
    assert any(weights(trained)["head.weight"].flatten())


def test_style_acts_where_it_is_asked_to(run):
    """In the generator it adds to the loss; before a discriminator it adds logits; elsewhere its weight is idle."""
    plain, generator = (run(style_in=place, style_weight=0.5, max_updates=1) for place in ("none", "generator"))
    assert same(weights(plain), weights(run(max_updates=1)))
    assert generator.history["generator"][0] > plain.history["generator"][0] + 1e-3
    assert generator.history["reconstruction"] == plain.history["reconstruction"]
    patch, judged = (run(style_in=place, discriminator="patch", max_updates=1) for place in ("none", "discriminator"))
    assert patch.history["discriminator_real"] != judged.history["discriminator_real"]


@pytest.mark.parametrize("switch", [{"known_weight": 1.0}, {"perceptual_weight": 0.1}, {"reconstruction": "l2"},
                                    {"reconstruction_over": "picture"}, {"reconstruction_weight": 2.0},
                                    {"adversarial": "bce"}, {"adversarial_weight": 0.1}])
def test_each_loss_switch_changes_the_generators_loss(run, switch):
    plain, other = (run(discriminator="patch", max_updates=2, **asked) for asked in ({}, switch))
    assert plain.history["generator"] != other.history["generator"]


@pytest.mark.parametrize("asked", [{"precision": "bf16", "discriminator": "patch"}, {"norm": "none"}, {"norm": "batch"},
                                   {"fill": "white", "mask_input": False, "skips": False}])
def test_other_settings_train_too(run, asked):
    assert torch.tensor(run(**asked, max_updates=1).history["generator"]).isfinite().all()


def test_the_published_recipe_trains(monkeypatch):
    """Its own networks, at the smaller of their two sizes; the checkpoint of 71 million weights is left out."""
    monkeypatch.setattr(training._Run, "save", lambda self: None)
    recipe = parameters.read(records.ROOT / "params" / "03_gan_training" / "published.yaml")
    asked = parameters.check({**recipe, "size": 64, "batch": 2, "epochs": 1})
    pictures = torch.from_numpy(atelier.paint("scenes", 4, 64, seed=3)).permute(0, 3, 1, 2)
    trained = training.train(asked, pictures, pictures[:1])
    assert trained.updates == 1
    assert all(torch.tensor(curve).isfinite().all() and any(curve) for curve in trained.history.values())


def test_training_lowers_the_reconstruction_loss(run):
    curve = run(max_updates=40, lr=3e-3, fill="white").history["reconstruction"]
    assert sum(curve[-10:]) < 0.8 * sum(curve[:10])


def test_the_step_size_falls_as_a_cosine_or_stays(pictures, validation):
    for schedule, expected in (("constant", [1, 1, 1]), ("cosine", [1, 0.5, 0])):
        going = training._Run(ask(schedule=schedule), pictures, validation, "")
        rates = []
        for going.update in (0, 2, 4):
            rates.append(going.rate())
        assert rates == pytest.approx(expected)


@pytest.mark.parametrize("family", ["perlin", "circle", "box"])
def test_evaluation_masks_are_the_same_for_every_run(family):
    first = training.evaluation_masks(ask(), family, 4)
    other = ask(seed=5, lr=1e-2, train_masks=["strokes"], fixed_mask=True, train_hole=[0.3, 0.4])
    assert torch.equal(training.evaluation_masks(other, family, 4), first)
    assert torch.equal(training.evaluation_masks(ask(), family, 9)[:4], first)


def test_evaluation_masks_are_none_of_the_training():
    asked = ask()
    trained = training.training_masks(asked, 200, 0, "cpu").flatten(1)
    for family in ("training", "perlin"):
        tested = training.evaluation_masks(asked, family, 20).flatten(1)
        assert not (tested[:, None] == trained).all(2).any()


def test_a_run_starts_from_its_seed_alone():
    first, second, other = (training.build(ask(discriminator="patch", seed=seed))[0].state_dict() for seed in (1, 1, 2))
    assert same(first, second)
    assert not same(first, other)


def test_curves_are_means_over_windows():
    trained = training.Trained(torch.nn.Identity(), "mean", 10, 0.0, {"generator": [float(n) for n in range(10)]})
    assert trained.curves(points=5) == {"update": [2, 4, 6, 8, 10], "generator": [0.5, 2.5, 4.5, 6.5, 8.5]}
    assert trained.curves()["generator"] == trained.history["generator"]


def test_validations_are_a_tenth_apart_and_the_last_update_has_one(run):
    trained = run(max_updates=7, validate_every=3)
    assert [update for update, _ in trained.validation] == [3, 6, 7]
    assert all(early < late for (early, _), (late, _) in pairwise(run().validation))


def test_kept_weights_are_the_generators_in_few_bits(run, tmp_path):
    asked = {"record": str(tmp_path / "run.json"), "keep_weights": True}
    trained = run(**asked)
    kept = training.keep_weights(trained, ask(**asked))
    assert list(kept) == ["run.safetensors"]
    read, packed = load_file(tmp_path / "run.safetensors"), networks.packed(weights(trained))
    assert read.keys() == packed.keys() and all(torch.equal(value, packed[name]) for name, value in read.items())


def test_no_weights_are_kept_unless_asked_for(run, tmp_path):
    assert training.keep_weights(run(), ask(record=str(tmp_path / "run.json"))) == {}
    assert training.keep_weights(run(), ask(keep_weights=True)) == {}
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_finished_run_lies_aside_for_ten_minutes_and_is_then_forgotten(run, cache, seen):
    first = run()
    kept, = cache.glob("checkpoints/*.pt")
    training.forget(ask())
    training.forget(ask())
    assert not kept.exists()
    done, = cache.glob("checkpoints/*.done")
    updates = len(seen)
    assert same(weights(run()), weights(first))
    assert len(seen) == updates
    os.utime(done, (0, 0))
    training.forget(ask(seed=1))
    assert not list(cache.glob("checkpoints/*.done"))
    run()
    assert len(seen) == 2 * updates
