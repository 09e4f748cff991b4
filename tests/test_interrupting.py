"""An interrupt stops a question at once, wherever it is being answered."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import flowlab as fl
from flowlab.holding import hold
from flowlab.interrupting import stop_all
from flowlab.tables import connection

ENDLESS = "SELECT sum(hash(range)) FROM range(30000000000)"  # minutes, on several threads
SOON = 0.3  # seconds
pytestmark = pytest.mark.usefixtures("interruptible")


def ask():
    with connection() as duck:
        duck.sql(ENDLESS).fetchall()


@pytest.mark.parametrize("number", range(5))  # missed one time in two without the mend
def test_ctrl_c_stops_a_question_within_a_second(number):
    timer = threading.Timer(SOON, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask()
    assert time.monotonic() - began < SOON + 1


def test_a_question_in_another_thread_is_stopped_too():
    told = []

    def work():
        try:
            ask()
        except KeyboardInterrupt:
            told.append("interrupted")

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(SOON)
    assert stop_all()
    thread.join(5)
    assert told == ["interrupted"]
    assert not stop_all()  # there is nothing left to stop


def test_the_next_question_is_answered_and_the_handler_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    with connection() as duck:
        duck.interrupt()  # of nothing
        assert signal.getsignal(signal.SIGINT) is not before
        assert duck.sql("SELECT 1").fetchall() == [(1,)]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_of_the_engine_stays_what_it_is():
    with pytest.raises(Exception, match="Parser Error"), connection() as duck:
        duck.sql("SELEKT 1").fetchall()


def test_held_records_are_stopped_too():
    flows, _ = fl.sample_flows()
    held = hold(flows)
    from sqlglot import parse_one

    timer = threading.Timer(SOON, stop_all)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        held.run(parse_one(f"{ENDLESS}, (SELECT 1 FROM flows LIMIT 1)", dialect="duckdb"))
