from __future__ import annotations

from modelhub.dlv.calibrate import calibrate, machine, rates_of
from modelhub.dlv.state import Repo


def test_rates_are_measured_once_and_kept(repo: Repo) -> None:
    said: list[str] = []
    first = rates_of(repo, said.append)
    assert first.machine == machine()
    assert min(first.read, *first.alone.values(), *first.delta.values()) > 0
    assert rates_of(repo, said.append) == first
    assert len(said) == 1
    assert list(repo.layout.packs_dir.iterdir()) == []


def test_rates_of_another_machine_are_measured_again(repo: Repo) -> None:
    said: list[str] = []
    rates_of(repo, said.append)
    path = repo.layout.rates_file
    path.write_bytes(path.read_bytes().replace(machine().encode(), b"elsewhere"))
    assert rates_of(repo, said.append).machine == machine()
    path.write_bytes(b"damaged")
    rates_of(repo, said.append)
    assert len(said) == 4


def test_they_need_not_be_kept(repo: Repo) -> None:
    calibrate(repo, keep=False)
    assert not repo.layout.rates_file.exists()
