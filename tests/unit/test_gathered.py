"""Gathered counts and observations reach their instruments, all of them and once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

from relay.gathered import Gatherer, observe_all


@pytest.fixture
def registry():
    return CollectorRegistry(auto_describe=True)


@pytest.fixture
def gatherer(registry):
    return Gatherer(registry)


@given(st.lists(st.floats(-10, 1000), max_size=50))
def test_many_observations_count_like_one_by_one(values):
    """Bulk and single observation give the same buckets, count and sum."""
    one, many = (Histogram("h", "h", buckets=(0.1, 1, 10), registry=None) for _ in range(2))
    for value in values:
        one.observe(value)
    observe_all(many, values)
    before, after = (
        [(sample.name, sample.labels, sample.value) for sample in each.collect()[0].samples]
        for each in (one, many)
    )
    for (name, labels, value), (other_name, other_labels, other) in zip(
        before, after, strict=True
    ):
        assert (name, labels) == (other_name, other_labels)
        if not name.endswith("_created"):
            assert other == pytest.approx(value)


def test_what_has_gathered_is_there_when_it_is_looked_at(registry, gatherer):
    """A collection shows every count and observation before it, and the next one no more."""
    counter = Counter("c", "c", ["route"], registry=registry).labels("a")
    histogram = Histogram("h", "h", buckets=(1, 2), registry=registry)
    count, values = gatherer.count(counter), gatherer.values(histogram)
    count.number += 3
    values.observe(0.5)
    values.observe(1.5)
    for _ in range(2):
        assert registry.get_sample_value("c_total", {"route": "a"}) == 3
        assert registry.get_sample_value("h_bucket", {"le": "1.0"}) == 1
        assert registry.get_sample_value("h_count") == 2


def test_observations_do_not_pile_up_where_nobody_looks(registry, gatherer):
    """However many there are, only a few hundred wait."""
    histogram = Histogram("h", "h", buckets=(1,), registry=registry)
    values = gatherer.values(histogram)
    for _ in range(10_000):
        values.observe(0.5)
    shown = next(iter(histogram.collect())).samples
    assert next(one.value for one in shown if one.name == "h_count") > 9_000
    assert registry.get_sample_value("h_count") == 10_000


def test_one_instrument_is_gathered_in_one_place(registry, gatherer):
    """Asking again, as a reload does, gives the same object."""
    counter = Counter("c", "c", registry=registry)
    histogram = Histogram("h", "h", registry=registry)
    assert gatherer.count(counter) is gatherer.count(counter)
    assert gatherer.values(histogram) is gatherer.values(histogram)
