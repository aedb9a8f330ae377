"""Files of strangers give a result or a sentence that names them, whatever is in them."""

import io
import os
import pickle
import random
import struct
import zlib

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from studylib import claims, masks, networks, parameters, pictures, records, restoration, scans, sources, vgg
from torture import mutants


def png(width, height):
    """A PNG whose head promises so many pixels, and that has none."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts)


def test_some_mutants_of_every_kind_are_read_or_refused():
    rows = mutants.run(360, seed=1)
    assert len(rows) == 9
    assert [(tried, wrong) for tried, _, lost, wrong in rows if lost] == []
    assert sum(count for _, count, _, _ in rows) == 360


def test_a_reader_without_an_error_of_its_own_is_told(tmp_path):
    def dies(path):
        raise KeyError("x")

    reader = mutants.Reader("a reader", [], mutants.broken, dies, (ValueError,))
    assert mutants.attempt(reader, tmp_path, "x.txt", b"x") == "KeyError: 'x'"


def test_an_error_that_does_not_name_the_file_is_told(tmp_path):
    def dies(path):
        raise ValueError("it is broken")

    reader = mutants.Reader("a reader", [], mutants.broken, dies, (ValueError,))
    assert "in other words" in mutants.attempt(reader, tmp_path, "x.txt", b"x")


def test_what_lies_outside_the_folder_afterwards_is_told(tmp_path):
    reader = mutants.Reader("a reader", [], mutants.broken, lambda path: (path.parent.parent / "evil").touch(), (ValueError,))
    assert mutants.attempt(reader, tmp_path, "x.txt", b"x") == "wrote outside its folder"


def test_a_mutant_is_the_same_again():
    reader = mutants.Reader("a reader", [("a", bytes(range(200))), ("b", b"x" * 300)], mutants.broken, len, ())
    assert mutants.mutant(reader, 7, 1) == mutants.mutant(reader, 7, 1)
    assert len({mutants.mutant(reader, number, 1)[1] for number in range(40)}) > 30


def test_a_small_file_that_promises_a_huge_picture_is_refused(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png(30_000, 30_000))
    with pytest.raises(scans.ScanError, match=r"bomb\.png: 30000 x 30000 pixels; expected at most 16777216 in such a file"):
        scans.read(tmp_path / "bomb.png")
    (tmp_path / "nvidia").mkdir()
    (tmp_path / "nvidia" / "bomb.png").write_bytes(png(30_000, 30_000))
    with pytest.raises(ValueError, match=r"bomb\.png: is not a picture of at most 67108864 pixels"):
        masks.sample("irregular", 1, 32, seed=0, folder=tmp_path)


def test_no_decoder_that_starts_a_program_is_asked(tmp_path):
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n")
    assert Image.open(tmp_path / "a.eps").format == "EPS"
    with pytest.raises(scans.ScanError, match=r"a\.eps: cannot be read as a picture"):
        scans.read(tmp_path / "a.eps")
    with pytest.raises(pictures.Unusable, match="not an image"):
        pictures.examine((tmp_path / "a.eps").read_bytes(), 32)


def test_a_second_page_without_a_size_is_a_sentence(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    first = int.from_bytes(data[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(data[first:first + 2], "little")
    data[end:end + 4] = len(data).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(bytes(data) + bytes(6))
    with pytest.raises(scans.ScanError, match=r"a\.tif: holds 2 pages or frames, and not of one picture"):
        scans.read(tmp_path / "a.tif")


LINES = {
    "laughs": (mutants._LAUGHS, "anchors"), "anchor": ("train: &x 5\nseed: *x\n", "anchors"),
    "twice": ("train: 5\ntrain: 6\n", "'train' stands here again"), "deep": ("a: " + "[" * 20_000, "is not valid YAML"),
    "date": ("train: 2001-99-99\n", "is not valid YAML"), "long": (f"train: {'9' * 6000}\n", "is not valid YAML"),
    "hexadecimal": (f"train: 0x{'f' * 9000}\n", "a number of thousands of digits: expected at most 100000"),
    "tag": ("a: !!python/object/apply:os.system [exit]\n", "is not valid YAML"),
    "large": ("# " + "x" * 200_000, "at most 100000"), "nan": ("lr: .nan\n", "lr = nan"),
    "batch": ("batch: 1000000000\n", r"batch = 1000000000: expected at most 4096"),
    "infinite": ("style_weight: .inf\n", "style_weight = inf: expected a finite number"),
    "fits not": ("batch: 4096\nsize: 1024\n", "a batch of at most 64 of them"),
    "path": ('record: "a\\0b"\n', "one line of at most"), "key": (f"? {'k' * 900}\n: 1\n", "902 characters"),
    "list": (f"train_masks: [{'box, ' * 999}]\n", "train_masks = .*at most 7 items")}


@pytest.mark.parametrize(("text", "sentence"), LINES.values(), ids=list(LINES))
def test_odd_parameter_files_are_refused_in_a_short_sentence(tmp_path, text, sentence):
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    with pytest.raises(parameters.ParameterError, match=sentence) as told:
        parameters.check(parameters.read(file), where=str(file))
    assert str(file) in str(told.value)
    assert len(str(told.value)) < 500 + len(str(file))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": "\\ud800"}', '{"sha256": "\\ud800"}', "9" * 5000, "null"])
def test_odd_records_are_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(records.RecordError, match=r"a\.json: "):
        records.read(tmp_path / "a.json")


@pytest.mark.parametrize("part", [{"results": []}, {"results": {}, "files": 3}, {}])
def test_a_record_with_the_right_checksum_but_no_results_is_refused(tmp_path, part):
    (tmp_path / "a.json").write_bytes(mutants._checked(part))
    with pytest.raises(records.RecordError, match=r"a\.json: holds no results"):
        records.read(tmp_path / "a.json")


@pytest.mark.parametrize("scored", [3, {"box": 3}, {"box": {"Telea": {"psnr": ["a", "b"]}}},
                                    {"box": {"Telea": {"psnr": [1, None]}}},
                                    {"box": {"Telea": {"psnr": [1.0, 2.0]}, "biharmonic": {"psnr": [1.0]}}}])
def test_metrics_that_are_no_numbers_are_refused(tmp_path, scored):
    (tmp_path / "03_gan_training").mkdir()
    (tmp_path / "03_gan_training" / "a.json").write_bytes(mutants._checked({"results": {"metrics": scored}}))
    with pytest.raises(records.RecordError, match=r"a\.json: is not as its notebook writes it"):
        claims.load(tmp_path)


def test_a_claim_whose_record_is_odd_is_not_decided():
    rows = claims.verdicts({name: {"results": []} for _, needs, _ in claims._RULES.values() for name in needs}, "laptop")
    assert {row.verdict for row in rows} == {"not decided"}


def small(**told):
    """The content of a file of weights, and what it tells of them."""
    about = {"generator": "unet", "size": "64", "width": "4", "blocks": "1", "norm": "none", "mask_input": "True",
             "skips": "True", "fill": "white"}
    with torch.random.fork_rng():
        state = networks.described(about).state_dict()
    return state, {**about, **told}


@pytest.mark.parametrize(("told", "sentence"), [
    ({"width": "512"}, "not of the shapes"), ({"width": "1000000000"}, "width 1000000000: expected 1 to 512"),
    ({"blocks": "1000000"}, "blocks 1000000"), ({"fill": "x"}, "fill 'x'"),
    ({"upsampling": "x"}, "upsampling 'x'"), ({"width": ""}, "invalid literal")])
def test_weights_that_describe_another_network_are_refused(tmp_path, told, sentence):
    (tmp_path / "a.safetensors").write_bytes(save(*small(**told)))
    with pytest.raises(ValueError, match=rf"a\.safetensors: does not hold the weights .*{sentence}"):
        restoration.load(tmp_path / "a.safetensors")


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    state, told = small()
    state["head.bias"][0] = float("nan")
    (tmp_path / "a.safetensors").write_bytes(save(state, told))
    with pytest.raises(ValueError, match="not all of them are numbers"):
        restoration.load(tmp_path / "a.safetensors")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("/tmp/a-pickle-was-run",)


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps(Evil())])
def test_a_broken_or_evil_file_of_vgg_weights_is_refused(tmp_path, content):
    for name in ("a.bin", "a.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}: does not hold VGG-19's weights"):
            vgg.load.__wrapped__(str(tmp_path / name))
    assert not os.path.exists("/tmp/a-pickle-was-run")


def test_layers_that_do_not_fit_are_refused(tmp_path):
    state = torch.load(io.BytesIO(dict(mutants._vgg())["vgg.bin"]), weights_only=True)
    state["block2_conv1_W_q"] = torch.zeros(1, 1, 1, 1, dtype=torch.uint8)
    torch.save(state, tmp_path / "a.bin")
    with pytest.raises(ValueError, match=r"block2_conv1: weights of shape \(1, 1, 1, 1\); expected \(channels, 1, 3, 3\)"):
        vgg.load.__wrapped__(str(tmp_path / "a.bin"))


def test_long_names_from_a_stranger_become_files(tmp_path):
    for name, content in mutants._parquet():
        (tmp_path / name).write_bytes(content)
        source = sources.Parquet(str(tmp_path / name), tmp_path / "store" / name)
        listed = source.pictures()
        source.fetch(listed)
        assert len({source.read(picture) for picture in listed}) == 1
    inside = [path.relative_to(tmp_path / "store") for path in (tmp_path / "store").rglob("*.jpg")]
    assert len(inside) == 15
    assert max(len(path.name.encode()) for path in inside) < 240


def test_a_broken_parquet_file_is_one_line(tmp_path):
    name, content = mutants._parquet()[0]
    draw = random.Random(0)
    for number in range(40):
        (tmp_path / name).write_bytes(content[:-60] + draw.randbytes(52) + content[-8:])
        with pytest.raises(sources.DataError, match=rf"{name}: [^\n]*$"):
            sources.Parquet(str(tmp_path / name), tmp_path / f"{number}").pictures()
