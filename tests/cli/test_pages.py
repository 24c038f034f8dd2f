"""Pages of `desc` and `diff` of networks: what is on them, and what a browser makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import modelhub
from modelhub.cli.main import main
from modelhub.net import from_module
from tests.report.browser import CHROMIUM, Browser

torch = pytest.importorskip("torch")

from tests.net.models import MODELS, Block, ResNet  # noqa: E402

nn = torch.nn
X = torch.zeros(2, 3, 8, 8)
browser_only = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


def _commit(repo: Any, name: str, model: Any, network: Any, **options: Any) -> None:
    weights = {key: value.detach().numpy() for key, value in model.state_dict().items()}
    repo.commit(name, weights=weights, network=network, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a ResNet, a fine-tune, a deeper one and a transformer."""
    path = tmp_path_factory.mktemp("pages") / "repository"
    repo = modelhub.Repository.init(path)
    torch.manual_seed(0)
    model = ResNet()
    network = from_module(model, (X,), check=False)
    _commit(
        repo, "resnet", model, network, metadata={"lr": 0.1}, message="<script>alert(1)</script>"
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    _commit(repo, "resnet", model, network, metadata={"lr": 0.05})
    deep = ResNet()
    deep.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1), Block(4, 8, 2), Block(8, 8, 1))
    _commit(repo, "deep", deep, from_module(deep, (X,), check=False))
    case = MODELS["encoder"]
    encoder = case.make()
    network = from_module(encoder, (case.inputs(2),), check=False)
    _commit(repo, "encoder", encoder, network)
    return path


def _run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["-C", str(folder), *words]) == 0
    return capsys.readouterr().out


def test_desc_in_80_columns(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = _run(folder, capsys, "desc", "encoder")
    assert max(map(len, text.splitlines())) <= 80
    assert "tokens int64 s0xs1" in text
    assert re.search(r"FLOPs +1\.87M for one run with s0 = 1 \(tokens\[0\]\), s1 = 128", text)
    assert re.search(r"0\.\.1  x2 +1\.20k +1\.82M", text)
    assert "self_attn  ATTN" in text
    eight = _run(folder, capsys, "desc", "encoder", "--size", "s1=8")
    assert "s1 = 8 (tokens[1])" in eight


def test_desc_json_is_complete(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = json.loads(_run(folder, capsys, "desc", "resnet@1", "--json"))["network"]
    assert network["executable"]
    assert len(network["nodes"]) == 22
    conv = network["nodes"][0]
    assert (conv["name"], conv["kind"], conv["inputs"]) == ("conv1", "CONV", ["x"])
    assert conv["attributes"]["kernel"] == [3, 3]
    assert (conv["parameters"], conv["flops"]) == (108, 2 * 27 * 256)
    assert ["x", "conv1"] in network["edges"]
    assert network["flops"] == sum(node["flops"] for node in network["nodes"])
    assert network["sizes"] == {"s0": 1}


def test_wrong_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["desc", "resnet", "--size", "q=1"],
        ["desc", "resnet", "--size", "s0"],
        ["desc", "resnet", "--planes", "1"],
        ["diff", "resnet@1", "resnet@2", "--planes", "0"],
        ["diff", "resnet@1", "resnet@2", "--planes", "1", "--structure"],
    ):
        assert main(["-C", str(folder), *words]) == 2
        assert "error: " in capsys.readouterr().err


def test_diff_of_three(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = _run(folder, capsys, "diff", "resnet@1", "deep", "resnet@2")
    assert max(map(len, text.splitlines())) <= 80
    # Structure, then settings, then weights.
    assert text.index("structure") < text.index("layers that differ") < text.index("metadata")
    assert text.index("metadata") < text.index("resnet@1 -> deep@1\n")
    assert re.search(r"\+ added +14 +0", text)
    assert re.search(r"\+  layer1\.1 +7 layers", text)
    assert re.search(r"lr +0\.1 +- +0\.05", text)
    assert "layer1.1.* -> layer1.2.*  (9 layers)" in text


def test_diff_json_of_structure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(_run(folder, capsys, "diff", "resnet@1", "deep", "--json"))
    structure = found["comparisons"][0]["structure"]
    assert (structure["edges_known"], structure["equal"]) == (True, 22)
    assert len(structure["added"]) == 14
    assert [version["parameters"] for version in found["versions"]] == [1409, 2897]


def test_leading_bytes_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["diff", "resnet@1", "resnet@2", "--json"]
    whole = json.loads(_run(folder, capsys, *words))["comparisons"][0]
    part = json.loads(_run(folder, capsys, *words, "--planes", "1"))["comparisons"][0]
    assert 0 < part["bytes_read"] < whole["bytes_read"]
    assert part["equal_in_leading_bytes"] > 0
    assert part["equal"] == whole["equal"]
    assert {tensor["planes"] for tensor in part["tensors"]} == {None, 1}
    text = _run(folder, capsys, "diff", "resnet@1", "resnet@2", "--planes", "1")
    assert "the leading 1 byte of each value alone" in text


def _page(folder: Path, tmp_path: Path, *words: str) -> Path:
    page = tmp_path / "page.html"
    assert main(["-C", str(folder), "-q", *words, "--html", str(page)]) == 0
    return page


def test_pages_need_nothing_else(folder: Path, tmp_path: Path) -> None:
    for words in (["desc", "resnet@1"], ["diff", "resnet@1", "deep", "resnet@2"]):
        text = _page(folder, tmp_path, *words).read_text()
        rest = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:|url\((?!#)|@import|<link|src=(?!\"data:)", rest)
        assert "<script>alert" not in text
        assert "prefers-color-scheme: dark" in text


@browser_only
def test_blocks_open_and_close_and_layers_are_picked(folder: Path, tmp_path: Path) -> None:
    page = _page(folder, tmp_path, "desc", "resnet@1")
    with Browser() as browser:
        browser.open(page)
        height = "Number(document.querySelector('svg.net').getAttribute('height'))"
        before = browser.run(height)
        browser.click('[data-box="1"] > .handle')
        assert browser.run(height) < before / 2
        assert browser.run("location.hash") == "#close=1&pick="
        # The click gave it the focus.
        browser.key("Enter")
        assert browser.run(height) == before
        browser.point('[data-step="1"]')
        tip = browser.run("document.getElementById('tip').textContent")
        assert {"kernel 3x3", "parameters  108", "FLOPs  13.8k"} <= set(tip.splitlines())
        shown = "[...document.querySelectorAll('[data-strip]:not(.hidden)')].length"
        every = browser.run(shown)
        browser.click('[data-step="1"]')
        assert (every > 1, browser.run(shown)) == (True, 1)
        assert "conv1" in browser.run("document.querySelector('.picks pre').textContent")
        browser.click(".tools button:nth-child(3)")
        assert browser.run(shown) == every
        assert browser.errors == []
        assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


@browser_only
def test_the_hash_keeps_what_was_done(folder: Path, tmp_path: Path) -> None:
    page = _page(folder, tmp_path, "desc", "resnet@1", "--structure")
    with Browser() as browser:
        browser.open(page, "#close=2,3&pick=1,2")
        assert browser.run("document.querySelectorAll('.box.closed').length") == 2
        assert browser.run("document.querySelectorAll('.picks pre').length") == 2
        assert browser.errors == []


@browser_only
def test_the_script_lays_out_as_python_does(folder: Path, tmp_path: Path) -> None:
    text = _page(folder, tmp_path, "diff", "resnet@1", "deep").read_text()
    page = tmp_path / "page.html"
    places = (
        "[...document.querySelectorAll('svg.net [transform], svg.net .link')]"
        ".map(e => e.getAttribute('transform') || e.getAttribute('d')).join(' ')"
    )
    with Browser() as browser:
        browser.open(page, "#close=")
        scripted = browser.run(places)
        plain = tmp_path / "plain.html"
        plain.write_text(text.replace("<script>", '<script type="text/plain">'))
        browser.open(plain)
        # Without the script all is there, and shown.
        assert browser.run("document.querySelectorAll('.step').length") == 24 + 38
        assert browser.run("document.querySelectorAll('.tools').length") == 0
        numbers = [
            [float(word) for word in re.findall(r"-?[0-9.]+", found)]
            for found in (scripted, browser.run(places))
        ]
        assert len(numbers[0]) == len(numbers[1]) > 500
        # Halves are rounded to even here and up there.
        assert max(abs(a - b) for a, b in zip(*numbers, strict=True)) <= 1
