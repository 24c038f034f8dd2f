"""Scores by hand: ties, top-k, losses, classes without examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelhub.dlv.evaluate_scores import CONFUSION_CLASSES_MAX, Tally

OUTPUTS = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 5.0, 5.0], [0.0, 0.0, 1.0]])
LABELS = np.array([0, 1, 2, 2])


def test_equal_outputs_stand_in_the_order_of_classes() -> None:
    tally = Tally(3, 2, "logits", True)
    found = tally.add(OUTPUTS, LABELS)
    assert found.label.tolist() == [0, 0, 1, 2]
    assert found.margin.tolist() == [1, 0, 0, 1]
    scores = tally.scores(("a", "b"))
    assert (scores.n, scores.top1, scores.topk) == (4, 0.5, 1.0)
    assert scores.confusion == ((1, 0, 0), (1, 0, 0), (0, 1, 1))
    told = [(c.name, c.precision, c.recall, c.support, c.answers) for c in scores.classes]
    assert told == [("a", 0.5, 1, 1, 2), ("b", 0, 0, 1, 1), ("2", 1, 0.5, 2, 1)]


def test_batches_add_up() -> None:
    whole, parts = Tally(3, 1, "logits", True), Tally(3, 1, "logits", True)
    whole.add(OUTPUTS, LABELS)
    for index in range(4):
        parts.add(OUTPUTS[index : index + 1], LABELS[index : index + 1])
    assert whole.scores() == parts.scores()


def test_losses_of_each_form() -> None:
    shifted = np.exp(OUTPUTS)
    shares = shifted / shifted.sum(axis=1, keepdims=True)
    wanted = -np.log(shares[np.arange(4), LABELS]).mean()
    for form, outputs in (
        ("logits", OUTPUTS + 700.0),
        ("log-probabilities", np.log(shares)),
        ("probabilities", shares),
    ):
        tally = Tally(3, 1, form, True)
        tally.add(outputs, LABELS)
        assert tally.scores().loss == pytest.approx(wanted)


def test_no_examples_of_a_class_and_no_answers() -> None:
    tally = Tally(3, 9, "logits", True)
    tally.add(OUTPUTS[:1], LABELS[:1])
    scores = tally.scores()
    assert (scores.k, scores.topk) == (3, 1.0)
    assert (scores.classes[1].precision, scores.classes[1].recall) == (None, None)


def test_not_a_number_is_no_answer() -> None:
    tally = Tally(3, 3, "logits", True)
    found = tally.add(np.array([[0.0, math.nan, 1.0], [math.inf, 0.0, 1.0]]), np.array([2, 0]))
    assert found.label.tolist() == [-1, 0]
    scores = tally.scores()
    assert (scores.top1, scores.topk, scores.not_numbers) == (0.5, 0.5, 1)
    assert scores.confusion == ((1, 0, 0), (0, 0, 0), (0, 0, 0))


def test_many_classes_have_no_matrix() -> None:
    outputs = np.eye(2, CONFUSION_CLASSES_MAX + 1)
    tally = Tally(CONFUSION_CLASSES_MAX + 1, 1, "logits", True)
    tally.add(outputs, np.array([0, 5]))
    scores = tally.scores()
    assert (scores.confusion, scores.top1) == (None, 0.5)
    fits = Tally(CONFUSION_CLASSES_MAX, 1, "logits", True)
    fits.add(outputs[:, :-1], np.array([0, 5]))
    assert fits.scores().confusion is not None
