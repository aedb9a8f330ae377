"""Parameters are checked before anything slow starts: what is wrong is one sentence that names the file and the key."""

import ast
import json
import shutil

import pytest
import yaml

from studylib import networks, parameters, records, training
from studylib.parameters import ParameterError

PARAMS = records.ROOT / "params"
PROFILES = sorted((PARAMS / "profiles").glob("*.yaml"))
NOTEBOOKS = sorted((records.ROOT / "notebooks").glob("*.ipynb"))
EXPERIMENTS = sorted(PARAMS.glob("0*/*.yaml"))
COMBINATIONS = [(profile, experiment) for profile in PROFILES for experiment in EXPERIMENTS]
TRAINING = records.ROOT / "notebooks" / "03_gan_training.ipynb"


def named(path):
    return f"{path.parent.name}/{path.stem}"


def notebook_of(experiment):
    return records.ROOT / "notebooks" / f"{experiment.parent.name}.ipynb"


def defaults(notebook):
    """What a notebook's parameters cell leaves in its namespace."""
    cells = json.loads(notebook.read_text())["cells"]
    source = next("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    namespace = {}
    exec(source, {}, namespace)
    return namespace


def written(tmp_path, text, name="experiment.yaml"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize(("profile", "experiment"), COMBINATIONS, ids=lambda path: named(path))
def test_every_experiment_is_valid_under_every_profile(profile, experiment):
    asked = parameters.check_files(notebook_of(experiment), profile, experiment)
    assert asked.profile == profile.stem


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=named)
def test_every_experiment_has_a_notebook_and_a_reason(experiment):
    assert notebook_of(experiment).exists()
    assert experiment.read_text().startswith("# ")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_has_an_experiment_and_valid_defaults(notebook):
    assert any(notebook_of(experiment) == notebook for experiment in EXPERIMENTS)
    values = defaults(notebook)
    assert values.keys() <= parameters.Parameters.model_fields.keys()
    assert sorted(values) == sorted(parameters.declared(notebook))
    asked = parameters.from_notebook(values)
    assert {key: getattr(asked, key) for key in values} == values
    assert asked.profile in ("notebook", "laptop")
    assert asked.record == ""


PAIRS = [
    ("published", "fixed_mask", "updates"), ("fixed_mask", "random_masks", "fixed_mask"),
    ("random_masks", "ladder_3_mask_input", "mask_input"), ("ladder_3_mask_input", "ladder_4_skips", "skips"),
    ("ladder_4_skips", "ladder_5_hole_loss", "reconstruction_over"), ("ladder_5_hole_loss", "ladder_6_group_norm", "norm"),
    ("ladder_6_group_norm", "ladder_7_patch_judge", "discriminator"), ("published", "published_longer", "effort"),
    ("published", "published_seed_1", "seed"), ("random_masks", "random_masks_seed_2", "seed"),
    ("any_mask", "any_mask_plain", "discriminator"), ("any_mask", "longer", "effort"), ("any_mask", "any_mask_seed_1", "seed"),
    ("any_mask", "any_mask_seed_2", "seed"), ("any_mask", "untrained", "epochs"), ("any_mask_128", "untrained_128", "epochs"),
    ("any_mask", "every_family", "train_masks"), ("any_mask", "only_box", "train_masks"),
    ("any_mask", "only_perlin", "train_masks"), ("any_mask", "only_strokes", "train_masks"),
    ("any_mask", "only_irregular", "train_masks"), ("only_perlin", "only_fixed", "fixed_mask"),
    ("any_mask", "plain_1000", "augment"), ("any_mask", "diff_1000", "diff_augment"), ("pictures_100", "plain_100", "augment"),
    ("pictures_100", "diff_100", "diff_augment"), ("one_artist", "mixture", "subject"),
    ("pictures_500", "pictures_500_seed_1", "seed"), ("pictures_500", "pictures_500_seed_2", "seed"),
    ("looks_all", "looks_no_noise", "fill"), ("looks_all", "looks_no_features", "perceptual_weight"),
    ("looks_all", "looks_no_adversary", "discriminator"),
    *((arm, f"{arm}_seed_{seed}", "seed") for arm in ("any_mask", "pictures_500") for seed in (3, 4)),
    *(("longer", f"longer_seed_{seed}", "seed") for seed in range(1, 5))]


@pytest.mark.parametrize(("one", "other", "key"), PAIRS)
def test_arms_that_are_compared_differ_in_one_line(one, other, key):
    """What is kept for the write-up beside the numbers changes none of them."""
    first, second = (parameters.read(PARAMS / "03_gan_training" / f"{name}.yaml") for name in (one, other))
    assert [name for name in first.keys() | second.keys()
            if first.get(name) != second.get(name) and name not in ("keep_pictures", "keep_weights")] == [key]


@pytest.mark.parametrize(("one", "other", "seed", "tested"), [
    ("published", "published_seed_3", 3, "circle"), ("published", "published_seed_4", 4, "circle"),
    ("ladder_8_average", "ladder_8_seed_1", 1, "perlin"), ("ladder_8_average", "ladder_8_seed_2", 2, "perlin"),
    *(("published_longer", f"published_longer_seed_{seed}", seed, "circle") for seed in range(1, 5)),
    *((arm, f"{arm}_seed_{seed}", seed, "perlin") for arm in ("mixture", "one_artist") for seed in range(1, 5))])
def test_other_seeds_may_be_tested_on_less_and_differ_in_nothing_else(one, other, seed, tested):
    first, second = (parameters.read(PARAMS / "03_gan_training" / f"{name}.yaml") for name in (one, other))
    first.pop("keep_pictures", None)
    assert second == {**first, "seed": seed, "test_masks": [tested]}


@pytest.mark.parametrize(("artist", "named"), [("monet", "claude-monet"), ("nara", "unknown-artist")])
@pytest.mark.parametrize("model", ["any_mask_128", "any_mask_128_adversarial"])
def test_models_are_tested_as_they_are_on_artists_they_never_saw(model, artist, named):
    trained, tested = (parameters.read(PARAMS / "03_gan_training" / f"{name}.yaml") for name in (model, f"{model}_{artist}"))
    assert tested.pop("artist") == named
    for name in ("style", "train", "keep_weights", "keep_pictures", "start", "epochs"):
        (tested if name in ("style", "train") else trained).pop(name, None)
    assert (tested.pop("start"), tested.pop("epochs")) == (f"results/{{profile}}/03_gan_training/{model}.safetensors", 0)
    assert tested == trained


def test_the_model_is_tested_as_it_is_at_twice_the_size():
    model = "any_mask_128_adversarial"
    trained, tested = (parameters.read(PARAMS / "03_gan_training" / f"{name}.yaml") for name in (model, f"{model}_at_256"))
    for name in ("keep_weights", "keep_pictures", "start", "epochs", "size", "test_masks", "augment"):
        trained.pop(name)
    assert tested.pop("augment") == "mirror"  # crops need pictures at twice the size
    assert tested.pop("start") == f"results/{{profile}}/03_gan_training/{model}.safetensors"
    assert [tested.pop(name) for name in ("epochs", "size", "train")] == [0, 256, 100]
    assert tested.pop("test_masks") and tested == trained


def test_muon_and_adam_are_compared_with_nothing_else_changed():
    adam, muon = (parameters.read(PARAMS / "03_gan_training" / f"{name}.yaml") for name in ("any_mask_plain", "any_mask_muon"))
    assert muon == {**adam, "optimiser": "muon", "lr": 10 * adam["lr"]}


def test_arms_with_fewer_pictures_differ_in_nothing_else_and_train_as_long():
    most = parameters.read(PARAMS / "03_gan_training" / "any_mask.yaml")
    for count in (100, 250, 500):
        fewer = parameters.read(PARAMS / "03_gan_training" / f"pictures_{count}.yaml")
        assert fewer == {**most, "train": count, "epochs": fewer["epochs"]}
        for profile in PROFILES:
            ours, theirs = ({**parameters.read(profile), **own} for own in (fewer, most))
            ours, theirs = (training.planned_updates(parameters.check(asked), asked["train"]) for asked in (ours, theirs))
            assert ours == pytest.approx(theirs, rel=0.01)


def test_style_arms_differ_in_where_style_acts_and_how_strongly():
    arms = [parameters.read(path) for path in EXPERIMENTS if path.parent.name == "04_style_loss_ablation"]
    found = sorted((arm.pop("style_in"), arm.pop("style_weight")) for arm in arms)
    assert found == [("both", 1.0), ("discriminator", 0.1), ("generator", 0.1), ("generator", 1.0), ("none", 0.1)]
    assert all(arm == arms[0] for arm in arms)


@pytest.mark.parametrize(("values", "sentence"), [
    ({"lerning_rate": 1}, r"x\.yaml: lerning_rate is not a parameter"),
    ({"epoch": 1}, r"x\.yaml: epoch is not a parameter; did you mean epochs\?"),
    ({"train_mask": ["box"]}, r"train_mask is not a parameter; did you mean train_masks\?"),
    ({"zzz": 1}, r"zzz is not a parameter\.$"),
    ({"epochs": -1}, r"x\.yaml: epochs = -1: expected at least 0 \(passes over the training pic"),
    ({"epochs": 2.5}, r"epochs = 2\.5: expected a whole number"),
    ({"epochs": "10"}, r"epochs = '10': expected a whole number .*no quotes"),
    ({"epochs": True}, r"epochs = True: expected a whole number"),
    ({"fixed_mask": "yes"}, r"fixed_mask = 'yes': expected a boolean"),
    ({"fixed_mask": 1}, r"fixed_mask = 1: expected a boolean"),
    ({"generator": "unett"}, r"generator = 'unett': expected 'context_encoder' or 'unet'"),
    ({"train_masks": ["perlin", "boxes"]}, r"train_masks = 'boxes': expected 'perlin', 'circle'"),
    ({"train_masks": []}, r"train_masks = \[\]"),
    ({"train_masks": "perlin"}, r"train_masks = 'perlin': expected a list"),
    ({"size": 100}, r"size = 100: expected a multiple of 16"),
    ({"size": 16}, r"size = 16: expected at least 32"),
    ({"lr": 0}, r"lr = 0: expected greater than 0"),
    ({"ema": 1.0}, r"ema = 1\.0: expected less than 1"),
    ({"seed": None}, r"seed = None: expected a whole number"),
    ({"train_hole": [0.1]}, r"x\.yaml: train_hole = \[0\.1\]: expected \[low, high\]"),
    ({"train_hole": [0.4, 0.2]}, r"train_hole = \[0\.4, 0\.2\]: expected \[low, high\]"),
    ({"train_hole": [0.0, 0.2]}, r"train_hole"),
    ({"train_hole": [0.5, 1.0]}, r"train_hole"),
    ({"style_in": "both", "discriminator": "none"}, r"x\.yaml: style_in = 'both' needs a discriminator"),
])
def test_what_is_wrong_is_said_in_one_sentence(values, sentence):
    with pytest.raises(ParameterError, match=sentence) as caught:
        parameters.check(values, where="x.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{"norm": "group", "width": 12}, {"norm": "group", "width": 4},
                                    {"generator": "context_encoder", "norm": "batch", "size": 96},
                                    {"discriminator": "context_encoder", "size": 32}])
def test_a_network_that_cannot_be_built_is_refused_beforehand(values):
    with pytest.raises(ParameterError, match=r"x\.yaml: .*(width|size) = "):
        parameters.check(values, where="x.yaml")


@pytest.mark.parametrize("width", [8, 16, 48])
def test_widths_that_are_allowed_can_be_built(width):
    networks.UNet(parameters.check({"width": width}).width)


def test_two_problems_are_two_sentences():
    with pytest.raises(ParameterError) as caught:
        parameters.check({"epochs": -1, "lr": 5}, where="x.yaml")
    assert [line.split(" = ")[0] for line in str(caught.value).splitlines()] == ["x.yaml: epochs", "x.yaml: lr"]


def test_good_holes_and_numbers_pass():
    assert parameters.check({"train_hole": [0.1, 0.2]}).train_hole == [0.1, 0.2]
    assert parameters.check({"train_hole": []}).train_hole == []
    assert parameters.check({"effort": 4}).effort == 4.0


def test_parameters_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        parameters.Parameters().seed = 1


def test_every_parameter_says_what_it_means():
    assert all(field.description for field in parameters.Parameters.model_fields.values())


def test_yaml_reads_1e_4_as_text_and_that_is_told(tmp_path):
    values = parameters.read(written(tmp_path, "lr: 1e-4\n"))
    assert values == {"lr": "1e-4"}
    with pytest.raises(ParameterError, match=r"lr = '1e-4': expected a number .*write 1\.0e-4"):
        parameters.check(values)
    assert parameters.check(parameters.read(written(tmp_path, "lr: 1.0e-4\n"))).lr == 1e-4


@pytest.mark.parametrize(("text", "sentence"), [
    ("- a\n- b\n", r"experiment\.yaml: expected `key: value` lines"), ("1: 2\n", r"expected `key: value` lines"),
    ("a: [1\n", r"experiment\.yaml: is not valid YAML"), ("just text", r"expected `key: value` lines")])
def test_a_file_that_is_no_mapping_is_named(tmp_path, text, sentence):
    with pytest.raises(ParameterError, match=sentence) as caught:
        parameters.read(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_an_empty_file_asks_for_nothing_and_a_missing_one_is_named(tmp_path):
    assert parameters.read(written(tmp_path, "# nothing\n")) == {}
    with pytest.raises(ParameterError, match=r"none\.yaml: there is no such parameter file"):
        parameters.read(tmp_path / "none.yaml")


@pytest.mark.parametrize(("line", "sentence"), [
    ("style_in: both", r"experiment\.yaml: style_in is not a parameter of 03_gan_training\.ipynb"),
    ("trian: 5", r"experiment\.yaml: trian is not a parameter; did you mean train\?"),
    ("epochs: -1", r"experiment\.yaml: epochs = -1: expected")])
def test_an_experiment_may_set_only_what_its_notebook_uses(tmp_path, line, sentence):
    with pytest.raises(ParameterError, match=sentence):
        parameters.check_files(TRAINING, PARAMS / "profiles" / "smoke.yaml", written(tmp_path, line + "\n"))


def test_a_bad_profile_is_named(tmp_path):
    profile = written(tmp_path, "profile: smoke\ntrain: many\n", "smoke.yaml")
    with pytest.raises(ParameterError, match=r"smoke\.yaml: train = 'many': expected a whole number"):
        parameters.check_files(TRAINING, profile, EXPERIMENTS[-1])


def test_an_experiment_is_laid_over_its_profile(tmp_path):
    profile = written(tmp_path, yaml.safe_dump({"profile": "smoke", "train": 7, "batch": 2}), "smoke.yaml")
    asked = parameters.check_files(TRAINING, profile, written(tmp_path, "train: 9\n"))
    assert (asked.train, asked.batch) == (9, 2)


def test_a_notebooks_namespace_becomes_its_parameters():
    around = {"json": json, "exit": ast.parse, "_dh": ["/"], "In": [""], "Out": {}}
    asked = parameters.from_notebook({"seed": 3, "train_masks": ["box"], **around})
    assert asked == parameters.Parameters(seed=3, train_masks=["box"])


@pytest.mark.parametrize("value", [3, "x", [1], {"a": 1}, None, 0.5, True])
def test_an_injected_name_that_the_notebook_does_not_know_is_refused(value):
    with pytest.raises(ParameterError, match=r"sede is not a parameter; did you mean seed\?"):
        parameters.from_notebook({**defaults(TRAINING), "sede": value})


def test_declared_reads_the_parameters_cell_only(tmp_path):
    notebook = tmp_path / "copy.ipynb"
    shutil.copy(TRAINING, notebook)
    names = parameters.declared(notebook)
    assert names[:3] == ["profile", "record", "seed"]
    assert "asked" not in names


def test_all_experiments_are_checked_at_once_and_each_problem_is_told(tmp_path):
    for part in ("notebooks", "params"):
        shutil.copytree(records.ROOT / part, tmp_path / part)
    found = parameters.experiments(tmp_path, "smoke")
    assert ("03_gan_training", "published") in found
    assert all(notebook != "profiles" for notebook, _ in found)
    for name, line in (("published", "lr: 1e-4"), ("any_mask", "widht: 8")):
        (tmp_path / f"params/03_gan_training/{name}.yaml").write_text(line)
    (tmp_path / "params/08_nothing").mkdir()
    (tmp_path / "params/08_nothing/x.yaml").touch()
    with pytest.raises(ParameterError) as told:
        parameters.experiments(tmp_path, "smoke")
    sentences = str(told.value).split("\n")
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "params/03_gan_training/any_mask.yaml", "params/03_gan_training/published.yaml", "params/08_nothing/x.yaml"]
    assert "did you mean width?" in sentences[0]
