"""Metadata looked into by dots."""

from __future__ import annotations

from modelhub.query.settings import Settings, config_of


def test_dots_are_levels_and_whole_keys_are_found_too() -> None:
    found = Settings({"optimizer.lr": 0.1, "optimizer.name": "adam", "seed": 1})
    assert found["optimizer"]["lr"] == 0.1
    assert found["optimizer.lr"] == 0.1
    assert found["seed"] == 1
    assert found.get("optim") is None
    assert found.get("optimizer.l") is None
    assert dict(found["optimizer"]) == {"lr": 0.1, "name": "adam"}
    assert list(found) == ["optimizer", "seed"]
    assert len(found) == 2


def test_a_key_that_is_a_value_and_a_beginning_is_the_value() -> None:
    found = Settings({"a": 1, "a.b": 2})
    assert found["a"] == 1
    assert found["a.b"] == 2


def test_config_drops_one_leading_word() -> None:
    found = config_of({"config.lr": 1, "lr": 2, "seed": 3, "config.config.x": 4, "configs": 5})
    assert found["lr"] == 1
    assert found["seed"] == 3
    assert found["config"]["x"] == 4
    assert found["configs"] == 5
