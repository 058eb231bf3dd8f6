"""Signals that stop a job are noticed by name."""

import os
import signal

import pytest

from polymath.training.signals import catch_stop_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP])
def test_each_stop_signal_is_noticed_by_name(number: signal.Signals) -> None:
    previous = signal.signal(number, signal.SIG_DFL)  # a shell's background job ignores SIGINT
    try:
        with catch_stop_signals() as stop_signal:
            assert stop_signal() is None
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            assert stop_signal() == number.name
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, previous)


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with catch_stop_signals() as stop_signal:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert stop_signal() is None
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop_signal() == "SIGTERM"
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, before)
