from __future__ import annotations

import threading

import pytest

from modelhub.catalog import gate as gates
from modelhub.catalog.gate import Gate
from modelhub.errors import ConflictError


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setattr(gates, "WAIT_SECONDS_MAX", 0.2)
    return Gate()


def test_transactions_are_counted(gate: Gate) -> None:
    assert gate.idle
    tickets = [gate.enter(), gate.enter()]
    gate.leave(tickets[0])
    assert not gate.idle
    gate.leave(tickets[1])
    assert gate.idle


def test_being_alone_waits_for_the_others(gate: Gate) -> None:
    order = []
    inside, leave = threading.Event(), threading.Event()

    def read() -> None:
        ticket = gate.enter()
        inside.set()
        leave.wait()
        order.append("left")
        gate.leave(ticket)

    thread = threading.Thread(target=read)
    thread.start()
    inside.wait()
    leave.set()
    with gate.alone():
        order.append("alone")
        gate.leave(gate.enter())
    thread.join()
    assert order == ["left", "alone"]


def test_a_thread_inside_cannot_be_alone(gate: Gate) -> None:
    ticket = gate.enter()
    with pytest.raises(ConflictError), gate.alone():
        pass
    gate.leave(ticket)
    with gate.alone():
        pass


def test_a_forgotten_reader_of_another_thread_is_named(gate: Gate) -> None:
    thread = threading.Thread(target=gate.enter)
    thread.start()
    thread.join()
    with pytest.raises(ConflictError) as caught, gate.alone():
        pass
    assert "another thread" in str(caught.value)
    gate.leave(gate.enter())


def test_who_is_inside_may_enter_again_while_another_waits(gate: Gate) -> None:
    ticket = gate.enter()
    failed: list[ConflictError] = []

    def wait() -> None:
        try:
            with gate.alone():
                pass
        except ConflictError as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        gate.leave(gate.enter())
    assert len(failed) == 1
    gate.leave(ticket)
