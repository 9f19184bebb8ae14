from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from services.stack import processes
from services.stack.problems import Problem
from services.stack.processes import Running

Run = Callable[[str], Running]
SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True);"
    "time.sleep(60)"
)
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); time.sleep(60)"
)


def output(process: Running) -> str:
    until = time.monotonic() + 10
    while not Path(process.log).read_text(encoding="utf-8"):
        assert time.monotonic() < until, "no output"
        time.sleep(0.01)
    return Path(process.log).read_text(encoding="utf-8").strip()


def test_a_started_process_is_alive_until_it_is_stopped(run_python: Run) -> None:
    process = run_python(SLEEP)
    assert processes.alive(process)
    processes.stop(process)
    assert not processes.alive(process)


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(run_python: Run) -> None:
    process = run_python(STUBBORN)
    output(process)
    processes.stop(process, grace_s=0.2)
    assert not processes.alive(process)


def test_stopping_ends_the_children_too(run_python: Run) -> None:
    process = run_python(PARENT)
    child = psutil.Process(int(output(process)))
    processes.stop(process)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_is_in_a_session_of_its_own_so_that_ctrl_c_misses_it(run_python: Run) -> None:
    process = run_python("import os; print(os.getsid(0) == os.getpid(), flush=True)")
    assert output(process) == "True"


def test_a_pid_that_belongs_to_somebody_else_now_is_not_ours_and_is_left_alone(run_python: Run) -> None:
    process = run_python(SLEEP)
    stale = replace(process, ticks=process.ticks - 1)
    assert not processes.alive(stale)
    processes.stop(stale)
    processes.kill(stale)
    assert processes.alive(process)


def test_a_process_of_an_earlier_boot_is_gone(run_python: Run) -> None:
    process = run_python(SLEEP)
    assert not processes.alive(replace(process, boot="another"))


def test_usage_counts_memory_and_processes_of_the_whole_family(run_python: Run) -> None:
    process = run_python(PARENT)
    output(process)
    used = processes.usage(process)
    assert used.processes == 2
    assert used.memory > 2**20


def test_usage_of_a_gone_process_is_nothing(run_python: Run) -> None:
    process = run_python("pass")
    processes.stop(process, sig=signal.SIGKILL)
    assert processes.usage(process) == processes.Usage(memory=0, cpu_s=0, processes=0)


def test_waiting_for_a_process_that_ends_says_so_with_its_last_words(run_python: Run) -> None:
    process = run_python("raise SystemExit('ERROR: no models here')")
    with pytest.raises(Problem, match=r"(?s)sample ended while it started.*no models here"):
        processes.wait_until(lambda: False, process, timeout_s=10)


def test_waiting_ends_after_its_time(run_python: Run) -> None:
    with pytest.raises(Problem, match="was not ready within"):
        processes.wait_until(lambda: False, run_python(SLEEP), timeout_s=0.1)


def test_waiting_ends_when_it_is_cancelled(run_python: Run) -> None:
    with pytest.raises(Problem, match="cancelled"):
        processes.wait_until(lambda: False, run_python(SLEEP), timeout_s=10, cancelled=lambda: True)


def test_a_program_that_does_not_exist_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        processes.start("none", ("/no/such/program",), env={}, log=tmp_path / "log")
