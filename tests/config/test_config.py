from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub import config
from modelhub.config import (
    CACHE_MB_LIMIT,
    CHAIN_DEPTH_LIMIT,
    FORMAT_VERSION,
    PLANES_LIMIT,
    RECREATION_LIMIT,
    THREADS_LIMIT,
    Config,
)
from modelhub.errors import BadInputError


def test_nothing_said_means_the_defaults() -> None:
    assert config.load("") == Config()


@given(
    st.builds(
        Config,
        chain_depth_max=st.integers(0, CHAIN_DEPTH_LIMIT),
        recreation_max=st.floats(1, RECREATION_LIMIT) | st.integers(1, int(RECREATION_LIMIT)),
        threads=st.integers(0, THREADS_LIMIT),
        tier_planes=st.integers(1, PLANES_LIMIT),
        tier_cache_mb=st.integers(0, CACHE_MB_LIMIT),
        tier=st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
        author=st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
    )
)
def test_what_is_written_is_read_back(settings: Config) -> None:
    assert config.load(config.dump(settings)) == settings


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("threads = ", "bad_header"),
        ("threads = 1\nthreads = 2", "bad_header"),
        ("colour = 1", "bad_input"),
        ("[threads]\nx = 1", "bad_input"),
        ("threads = -1", "bad_input"),
        (f"threads = {THREADS_LIMIT + 1}", "bad_input"),
        (f"chain_depth_max = {CHAIN_DEPTH_LIMIT + 1}", "bad_input"),
        ("recreation_max = 0.99", "bad_input"),
        ("recreation_max = 257.5", "bad_input"),
        ("recreation_max = nan", "bad_input"),
        ("recreation_max = true", "bad_input"),
        ("recreation_max = '2'", "bad_input"),
        ("threads = true", "bad_input"),
        ("tier = 3", "bad_input"),
        ("tier_planes = 0", "bad_input"),
        (f"tier_planes = {PLANES_LIMIT + 1}", "bad_input"),
        ("tier_cache_mb = -1", "bad_input"),
        (f"tier_cache_mb = {CACHE_MB_LIMIT + 1}", "bad_input"),
        ("threads = 1.0", "bad_input"),
        ("author = 3", "bad_input"),
        (f'author = "{"a" * 401}"', "bad_input"),
        ("format_version = 0", "bad_input"),
        (f"format_version = {FORMAT_VERSION + 1}\nnew_key = 1", "unsupported_version"),
    ],
)
def test_what_is_wrong_is_refused(text: str, kind: str) -> None:
    with pytest.raises(BadInputError) as caught:
        config.load(text)
    assert caught.value.kind == kind
    assert caught.value.where == "config.toml"
