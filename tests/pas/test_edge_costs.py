from __future__ import annotations

from pathlib import Path

from modelhub.pas.edge_costs import ALONE, EdgeCost, EdgeCosts

OWN, BASE, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))
ESTIMATE = EdgeCost(100, (40, 30), True, False)
TRUE = EdgeCost(98, (41, 29), True, True)
WHOLE = EdgeCost(200, (1, 2, 3, 4, 5, 6, 7, 8), False, True)


def test_costs_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "edges.npy"
    costs = EdgeCosts()
    costs.put(OWN, BASE, ESTIMATE)
    costs.put(OWN, ALONE, WHOLE)
    costs.put(OTHER, BASE, ESTIMATE)
    costs.save(path, {OWN, BASE})
    again = EdgeCosts.load(path)
    assert again.get(OWN, BASE) == ESTIMATE
    assert again.get(OWN, ALONE) == WHOLE
    assert again.get(OTHER, BASE) is None, "what is gone is not kept"
    assert WHOLE.payload_bytes == 36


def test_what_is_exact_stays() -> None:
    costs = EdgeCosts()
    costs.put(OWN, BASE, ESTIMATE)
    costs.put(OWN, BASE, TRUE)
    costs.put(OWN, BASE, ESTIMATE)
    assert costs.get(OWN, BASE) == TRUE


def test_presets_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "edges.npy"
    costs = EdgeCosts("dense")
    costs.put(OWN, BASE, ESTIMATE)
    costs.save(path, {OWN, BASE})
    assert EdgeCosts.load(path).get(OWN, BASE) is None
    assert EdgeCosts.load(path, "dense").get(OWN, BASE) == ESTIMATE


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "edges.npy"
    EdgeCosts().save(path, set())
    assert not path.exists()


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "edges.npy"
    costs = EdgeCosts()
    costs.put(OWN, BASE, ESTIMATE)
    costs.save(path, {OWN, BASE})
    whole = path.read_bytes()
    for data in (b"", b"text", whole[:-1], whole[:20], b"\x93NUMPY" + bytes(100)):
        path.chmod(0o644)
        path.write_bytes(data)
        assert EdgeCosts.load(path).get(OWN, BASE) is None
    assert EdgeCosts.load(tmp_path / "none.npy").get(OWN, BASE) is None
