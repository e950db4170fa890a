from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from swath.captions import load, read, shards, stream
from swath.errors import CaptionsError, InputError
from tests.captions import lookalike


def test_pairs_come_in_the_order_of_the_shards(tmp_path: Path) -> None:
    root = lookalike.rs5m(tmp_path, shards=11, samples=2)
    pairs = list(stream("rs5m", root, "train"))

    assert [pair.name for pair in pairs[:3]] == [
        "pub11_train_0000000.jpg",
        "pub11_train_0000001.jpg",
        "pub11_train_0100000.jpg",
    ]
    assert len(pairs) == 22
    assert pairs[-1].captions == ("a satellite image of train 1000001",)
    assert Image.open(io.BytesIO(pairs[0].picture)).size == (8, 8)
    assert len(list(stream("rs5m", root, "val"))) == 2


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_workers_together_read_every_pair_once(tmp_path: Path, of: int) -> None:
    root = lookalike.rs5m(tmp_path, shards=5)
    parts = [[pair.name for pair in stream("rs5m", root, "train", shard=i, of=of)] for i in range(of)]
    every = [pair.name for pair in stream("rs5m", root, "train")]

    assert sorted(name for part in parts for name in part) == sorted(every)
    assert len(every) == 20


def test_memory_does_not_grow_with_a_shard(tmp_path: Path) -> None:
    content = bytes(20_000)

    def peak(samples: int) -> int:
        members = [(f"{n:06}.{kind}", content) for n in range(samples) for kind in ("jpg", "txt")]
        root = tmp_path / str(samples)
        lookalike.shard(root / "train" / "rs3-train-0000.tar", members)
        del members
        tracemalloc.start()
        count = sum(1 for _ in stream("rs5m", root, "train"))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == samples
        return top

    assert peak(600) < peak(100) + 50_000


def test_other_names_of_members_and_samples_that_lack_something(tmp_path: Path) -> None:
    lookalike.shard(
        tmp_path / "pub11-val-0000.tar",
        [
            ("a/1.jpg", b"picture"),
            ("a/1.json", b'{"caption": "of json", "width": 3}'),
            ("a/2.txt", b"no picture\n"),
            ("a/3.png", b"no caption"),
            ("b/1.JPG", b"other"),
            ("b/1.txt", b"of text\r\n"),
            ("b/1.meta.npy", b"?"),
        ],
    )
    skipped: list[tuple[str, str]] = []
    pairs = list(stream("rs5m", tmp_path, "val", on_skip=lambda *said: skipped.append(said)))

    assert [(pair.name, pair.picture, pair.captions) for pair in pairs] == [
        ("a/1", b"picture", ("of json",)),
        ("b/1", b"other", ("of text",)),
    ]
    assert skipped == [
        ("pub11-val-0000.tar/a/2", "the sample has no picture"),
        ("pub11-val-0000.tar/a/3", "the sample has no caption"),
    ]


def test_the_captions_of_a_part_can_be_listed(tmp_path: Path) -> None:
    annotations = read("rs5m", lookalike.rs5m(tmp_path))

    assert dict(annotations.splits) == {"train": 12, "val": 4}
    assert annotations.split("val")[0].captions == ("a satellite image of val 0000000",)


def test_what_cannot_be_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CaptionsError, match=r"no shards such as pub11-train-0000\.tar"):
        list(stream("rs5m", tmp_path, "train"))
    root = lookalike.rs5m(tmp_path)
    with pytest.raises(CaptionsError, match="no shards of a split 'test'; it has train, val"):
        list(stream("rs5m", root, "test"))
    with pytest.raises(CaptionsError, match="never unpacked"):
        load("rs5m", root, "val")
    with pytest.raises(CaptionsError, match="'ucm' does not lie in tar shards; rs5m does"):
        stream("ucm", root, "val")
    with pytest.raises(InputError, match="no worker 2 of 2"):
        stream("rs5m", root, "val", shard=2, of=2)
    file = root / "val" / "pub11-val-0000.tar"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3 + 100])
    with pytest.raises(CaptionsError, match=r"pub11-val-0000\.tar cannot be read beyond 1 samples"):
        list(stream("rs5m", root, "val"))
    lookalike.shard(file, [("1.caption", b"\xff"), ("1.img_content", b"p")])
    with pytest.raises(CaptionsError, match="sample 1 has words that cannot be read"):
        list(stream("rs5m", root, "val"))
    monkeypatch.setattr(shards, "LARGEST", 3)
    lookalike.shard(file, [("1.caption", b"1234")])
    with pytest.raises(CaptionsError, match=r"member 1\.caption has 4 bytes, more than 3"):
        list(stream("rs5m", root, "val"))
