"""Sources: labels before images, over HTTP too; a fetch that was cut goes on where it stopped."""

import http.server
import io
import json
import os
import re
import threading
import unicodedata
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from studylib import data, sources
from studylib.sources import DataError, Parquet, Picture, WikiArtFolder

RENOIR = ("pierre-auguste-renoir", "Impressionism")
ARTISTS = [f"artist-{number}" for number in range(17)] + ["pierre-auguste-renoir", "claude-monet"]
STYLES = [f"Style_{number}" for number in range(12)] + ["Impressionism", "Nara_ehon"]


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYLIB_CACHE", str(tmp_path / "cache"))


def noise(seed, side=200, format="JPEG"):
    """An image file that does not compress: its bytes are easily told from labels."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(file, format, quality=95)
    return file.getvalue()


def shard(path, artists, *, styles=None, group=4, first=0, paths=None, format="JPEG"):
    """A parquet file as Hugging Face writes it: ClassLabels are numbers, their names stand in the schema's metadata."""
    count = len(artists)
    images = [{"bytes": noise(first + row, format=format), "path": paths and paths[row]} for row in range(count)]
    table = pa.table({
        "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "artist": pa.array(artists, pa.int64()),
        "genre": pa.array([0] * count, pa.int64()),
        "style": pa.array(styles or [12] * count, pa.int64()),
    })
    features = {"artist": {"names": ARTISTS}, "style": {"names": STYLES}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, row_group_size=group)
    return [image["bytes"] for image in images]


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, byte ranges included; counts what it sends, and cuts one answer short on demand."""

    protocol_version = "HTTP/1.1"
    sent, cut_after = 0, None

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_body):
        path = self.translate_path(self.path)
        if os.path.isdir(path):
            links = "".join(f'<a href="{name}{"/" * os.path.isdir(os.path.join(path, name))}">{name}</a>'
                            for name in sorted(os.listdir(path)))
            content, status, kind = links.encode(), 200, "text/html"
        elif os.path.exists(path):
            with open(path, "rb") as file:
                content, status, kind = file.read(), 200, "application/octet-stream"
        else:
            content, status, kind = b"", 404, "text/plain"
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        whole = len(content)
        self.send_response(206 if wanted else status)
        if wanted:
            start = int(wanted[1]) if wanted[1] else whole - int(wanted[2])
            end = min(int(wanted[2]), whole - 1) if wanted[1] and wanted[2] else whole - 1
            content = content[start : end + 1]
            self.send_header("Content-Range", f"bytes {start}-{end}/{whole}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not with_body:
            return
        if Server.cut_after is not None and Server.sent + len(content) > Server.cut_after:
            content, Server.cut_after = content[: len(content) // 2], None
            self.close_connection = True
        Server.sent += len(content)
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    """A folder and the address under which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    Server.sent, Server.cut_after = 0, None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Server(*a, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def counted(call, *args):
    before = Server.sent
    return call(*args), Server.sent - before


def of(pictures, artist):
    return [picture for picture in pictures if picture.artist == artist]


def test_labels_and_names_of_a_wikiart_folder(tmp_path):
    names = {
        "pierre-auguste-renoir_a-girl-1.jpg": ("a girl 1", None),
        "pierre-auguste-renoir_bal-1876(1).jpg": ("bal", 1876),
        "pierre-auguste-renoir_bather-1883-1.jpg": ("bather", 1883),
        "pierre-auguste-renoir_garden-1890-1891.jpg": ("garden", 1890),
        "pierre-auguste-renoir_landscape.jpg": ("landscape", None),
        "pierre-auguste-renoir_notes.txt": ("notes", None),
        "pierre-auguste-renoir_été-à-cagnes_2-1908.jpg": ("été à cagnes_2", 1908),
    }
    for name in names:
        (tmp_path / "Impressionism").mkdir(exist_ok=True)
        (tmp_path / "Impressionism" / name).write_bytes(b"x")
    (tmp_path / "Nara_ehon").mkdir()
    (tmp_path / "Nara_ehon" / "unknown-artist_kaokore-0001.jpg").write_bytes(b"y")
    (tmp_path / "Impressionism" / ".hidden.part").write_bytes(b"x")
    (tmp_path / "artists.csv").write_bytes(b"x")
    source = WikiArtFolder(tmp_path)
    pictures = source.pictures()
    assert [picture.name for picture in pictures] == sorted(picture.name for picture in pictures)
    labels = {picture.name: picture for picture in pictures}
    for name, (title, year) in names.items():
        assert labels[f"Impressionism/{name}"] == Picture(f"Impressionism/{name}", *RENOIR, title, year)
    scroll = labels["Nara_ehon/unknown-artist_kaokore-0001.jpg"]
    assert scroll == Picture(scroll.name, "unknown-artist", "Nara ehon", "kaokore 0001", None)
    assert len(pictures) == len(names) + 1
    assert source.read(scroll) == b"y"
    assert sources.ranking(pictures) == [(*RENOIR, 7), ("unknown-artist", "Nara ehon", 1)]


def test_labels_are_composed_wherever_they_come_from(tmp_path):
    chardin = "jean-baptiste-siméon-chardin"
    apart = unicodedata.normalize("NFD", chardin)
    table = tmp_path / "groups.csv"
    table.write_text(f"style,artist,pictures\nRococo,{apart},2\n", encoding="utf-8")
    assert sources.ranking_of(str(table)) == [(chardin, "Rococo", 2)]
    parquet.write_table(pa.table({"image": [noise(1)], "artist": [apart], "style": ["Rococo"]}), tmp_path / "a.parquet")
    assert [picture.artist for picture in Parquet(str(tmp_path)).pictures()] == [chardin]
    for asked in (apart, chardin):
        (tmp_path / asked).mkdir()
        assert data.fetch(tmp_path / asked, str(tmp_path / "a.parquet"), artist=asked, style="Rococo") == 1


def test_a_table_of_counts_is_ranked(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("style,artist,pictures\nCubism,b,2\nCubism,a,2\n\"Pop, Op\",c,10\n")
    assert sources.ranking_of(str(table)) == [("c", "Pop, Op", 10), ("a", "Cubism", 2), ("b", "Cubism", 2)]


def test_wikiart_s_groups_are_told_as_counted():
    groups = sources.ranking_of("docs/wikiart_groups.csv")
    assert groups[:2] == [(*RENOIR, 1368), ("giovanni-battista-piranesi", "Neoclassicism", 1352)]
    assert len(groups) == len({group[:2] for group in groups}) == 306 and min(count for *_, count in groups) == 100


@pytest.mark.parametrize("content", [None, b"", b"artist,style\na,b\n", b"artist,style,pictures\na,b,many\n",
                                     b"artist,style,pictures\na\n", b"\xff\xfe\x00"])
def test_what_is_no_table_of_counts_is_one_sentence(tmp_path, content):
    table = tmp_path / "groups.csv"
    if content is not None:
        table.write_bytes(content)
    with pytest.raises(sources.DataError, match=r"groups\.csv: expected a table with the columns artist, style and pictures"):
        sources.ranking_of(str(table))


def test_a_name_that_is_no_utf8_is_listed_and_read(tmp_path):
    folder = os.fsencode(tmp_path / "Impressionism")
    os.mkdir(folder)
    try:
        with open(os.path.join(folder, b"claude-monet_caf\xe9-1880.jpg"), "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    source = WikiArtFolder(tmp_path)
    (picture,) = source.pictures()
    assert picture.title == "caf\\xe9" and picture.year == 1880
    assert source.read(picture) == b"x"
    json.dumps(source.fingerprint(), ensure_ascii=False).encode()


def test_a_fingerprint_follows_the_files(tmp_path):
    file = tmp_path / "Impressionism" / "claude-monet_a.jpg"
    file.parent.mkdir()
    file.write_bytes(b"1")
    source = WikiArtFolder(tmp_path)
    before = source.fingerprint()
    assert source.fingerprint() == before
    file.write_bytes(b"12")
    assert source.fingerprint() != before


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: there is no such folder; expected WikiArt .*make data.*atelier"):
        WikiArtFolder(tmp_path / "nowhere").pictures()


def test_labels_come_without_images(served):
    folder, url = served
    images = shard(folder / "data" / "train-00000-of-00002.parquet", [17] * 6 + [18] * 6)
    images += shard(folder / "data" / "train-00001-of-00002.parquet", [17] * 3 + [0] * 5, styles=[13] * 8, first=20)
    pictures, cost = counted(Parquet(url).pictures)
    assert cost < sum(map(len, images)) / 5
    assert sources.ranking(pictures) == [("claude-monet", "Impressionism", 6), (*RENOIR, 6),
                                         ("artist-0", "Nara ehon", 5), ("pierre-auguste-renoir", "Nara ehon", 3)]
    assert pictures[0] == Picture("train-00000-of-00002/000000", *RENOIR, "", None)
    again, cost = counted(Parquet(url).pictures)
    assert again == pictures and cost < 2000  # the folder's listing alone


def test_only_the_needed_row_groups_come_and_no_more_than_was_told(served, tmp_path, capsys):
    folder, url = served
    images = shard(folder / "a.parquet", [17, 18, 18, 18] + [18] * 4 + [18, 18, 18, 17] + [18] * 4)
    source = Parquet(url, tmp_path / "store")
    wanted = of(source.pictures(), "pierre-auguste-renoir")
    parts, told = source.plan(wanted)
    assert [(group, [row for row, _ in rows]) for _, group, rows in parts] == [(0, [0]), (2, [3])]
    _, cost = counted(source.fetch, wanted)
    assert told <= cost < told + 70_000 < sum(map(len, images))  # the footer is asked for with what lies before it
    assert f"{told / 1e6:.1f} MB will come: 2 pictures in 2 row groups" in capsys.readouterr().err
    assert [source.read(picture) for picture in wanted] == [images[0], images[11]]
    assert source.plan(wanted) == ([], 0)


def test_a_cut_fetch_goes_on_where_it_stopped(served, tmp_path):
    folder, url = served
    images = shard(folder / "a.parquet", [17] * 16)
    source = Parquet(url, tmp_path / "store")
    pictures = source.pictures()
    _, told = source.plan(pictures)
    Server.cut_after = Server.sent + int(told * 0.6)
    with pytest.raises(DataError, match=r"reading stopped.*what has come is kept"):
        source.fetch(pictures)
    again = Parquet(url, tmp_path / "store")
    parts, rest = again.plan(pictures)
    assert 0 < rest <= told * 0.55 and len(parts) == 2
    _, cost = counted(again.fetch, pictures)
    assert rest <= cost < rest + 70_000
    assert [again.read(picture) for picture in pictures] == images


def test_a_damaged_or_short_file_is_fetched_again(served, tmp_path):
    folder, url = served
    images = shard(folder / "a.parquet", [17] * 8)
    source = Parquet(url, tmp_path / "store")
    pictures = source.pictures()
    source.fetch(pictures)
    files = json.loads((tmp_path / "store" / "fetched.json").read_bytes())[url]
    broken = tmp_path / "store" / files[pictures[5].name]["file"]
    broken.write_bytes(broken.read_bytes()[:-7])
    parts, _ = source.plan(pictures)
    assert [(group, len(rows)) for _, group, rows in parts] == [(1, 1)]
    source.fetch(pictures)
    assert [source.read(picture) for picture in pictures] == images


def test_no_way_to_it_is_a_data_error(tmp_path, served):
    _, url = served
    with pytest.raises(DataError, match="no parquet file"):
        Parquet(url).pictures()
    with pytest.raises(DataError, match=r"127\.0\.0\.1:1.*reading stopped"):
        Parquet("http://127.0.0.1:1/a.parquet").pictures()
    with pytest.raises(DataError, match="no parquet file"):
        Parquet(str(tmp_path)).pictures()
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match="reading stopped"):
        Parquet(str(tmp_path)).pictures()


def test_no_picture_is_fetched_where_there_is_no_room(tmp_path, monkeypatch):
    shard(tmp_path / "hub" / "a.parquet", [17] * 4)
    source = Parquet(str(tmp_path / "hub"), tmp_path / "data" / "wikiart")
    pictures = source.pictures()
    monkeypatch.setattr(sources.records.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(sources.records.StorageError, match=r"wikiart: cannot write pictures, 0\.\d MB \(No space left on device"):
        source.fetch(pictures)
    assert not any((tmp_path / "data" / "wikiart").iterdir())


@pytest.mark.parametrize("folder", ["file", "/proc/nowhere"])
def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, folder):
    shard(tmp_path / "hub" / "a.parquet", [17] * 4)
    (tmp_path / "file").touch()
    with pytest.raises(sources.records.StorageError, match="wikiart: cannot write pictures"):
        data.fetch(tmp_path / folder, str(tmp_path / "hub"))


def test_columns_that_are_not_as_expected(tmp_path):
    parquet.write_table(pa.table({"picture": [b"x"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: there is no column `image`"):
        Parquet(str(tmp_path)).pictures()
    parquet.write_table(pa.table({"image": [b"x"], "artist": [3]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column `artist` holds numbers"):
        Parquet(str(tmp_path)).pictures()
    table = pa.table({"image": [noise(1), noise(2)], "artist": ["claude-monet", None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    source = Parquet(str(tmp_path), artist="celeba", style="photograph")
    pictures = source.pictures()
    assert [picture.artist for picture in pictures] == ["claude-monet", "celeba"]
    assert {picture.style for picture in pictures} == {"photograph"}
    source.fetch(pictures)
    assert source.read(pictures[1]) == noise(2)


def test_what_is_fetched_is_a_wikiart_folder(tmp_path):
    titles = ["pierre-auguste-renoir_la-loge-1874.jpg", "x/../../evil-1.jpg", None, "so-1880.jpg", "So-1880.jpg", "m"]
    images = shard(tmp_path / "hub" / "a.parquet", [17] * 5 + [18], paths=titles, format="PNG")
    assert data.fetch(tmp_path / "data", str(tmp_path / "hub")) == 5
    names = sorted((path.name for path in (tmp_path / "data" / "wikiart" / "Impressionism").iterdir()), key=str.lower)
    assert names == ["pierre-auguste-renoir_a-000002.png", "pierre-auguste-renoir_evil-1.png",
                     "pierre-auguste-renoir_la-loge-1874.png", "pierre-auguste-renoir_so-1880-a-000003.png",
                     "pierre-auguste-renoir_So-1880-a-000004.png"]
    source = WikiArtFolder(tmp_path / "data" / "wikiart")
    pictures = source.pictures()
    assert sources.ranking(pictures) == [(*RENOIR, 5)]
    assert {source.read(picture) for picture in pictures} == set(images[:5])
    assert {picture.title: picture.year for picture in pictures}["la loge"] == 1874
    other = shard(tmp_path / "other" / "a.parquet", [17] * 2, first=50)  # the same names, but from another place
    data.fetch(tmp_path / "data", str(tmp_path / "other"))
    assert set(other) <= {source.read(picture) for picture in source.pictures()}
    with pytest.raises(DataError, match=r"no picture of edgar-degas.*pierre-auguste-renoir / Impressionism \(5\)"):
        data.fetch(tmp_path / "data", str(tmp_path / "hub"), artist="edgar-degas")


def test_labels_of_strangers_lead_nowhere_else(tmp_path):
    ARTISTS[0], before = "../../evil", ARTISTS[0]
    try:
        shard(tmp_path / "hub" / "a.parquet", [0])
    finally:
        ARTISTS[0] = before
    source = Parquet(str(tmp_path / "hub"), tmp_path / "store")
    source.fetch(source.pictures())
    assert [path.name for path in (tmp_path / "store" / "Impressionism").iterdir()] == ["-..-evil_a-000000.jpg"]
