"""Jobs side by side: each in a process with one thread; a stop ends them all."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait

import torch

from transformer_lib.workbench.jobs import Outcome, Run, Settings


def timed(run: Run, settings: Settings, seed: int) -> Outcome:
    """Run one job on one thread."""
    torch.set_num_threads(1)
    began, busy = time.perf_counter(), time.process_time()
    figures = run(dict(settings), seed)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - busy
    return Outcome(figures, round(seconds, 2), round(cpu_seconds, 2))


def side_by_side(
    run: Run, tasks: Sequence[tuple[Settings, int]], n_processes: int
) -> Iterator[tuple[int, Outcome]]:
    """Yield the number and the outcome of each task, as they are done.

    One process means this one. However the caller ends, by Ctrl-C or killed, the processes end too.

    Raises:
        ChildProcessError: a process ended before its job did.
    """
    if min(n_processes, len(tasks)) <= 1:
        for number, task in enumerate(tasks):
            yield number, timed(run, *task)
        return
    left = iter(enumerate(tasks))
    with workers(run, min(n_processes, len(tasks))) as busy:
        for worker in busy:
            worker.send(next(left))
        while busy:
            for worker in wait(busy):
                yield received(worker)
                if (task := next(left, None)) is None:
                    busy.remove(worker)
                else:
                    worker.send(task)


def received(worker: Connection) -> tuple[int, Outcome]:
    """Return what a worker sends, or raise the error that its job ended with."""
    try:
        number, outcome = worker.recv()
    except EOFError:
        raise ChildProcessError(
            "the process of a job was ended from outside, perhaps for want of memory; the jobs "
            "that were done are written: give the same command again, with a lower --jobs"
        ) from None
    if isinstance(outcome, Exception):
        raise outcome
    return number, outcome


@contextmanager
def workers(run: Run, n_workers: int) -> Iterator[list[Connection]]:
    """Start processes that wait for tasks, and end them."""
    spawn, started, connections = multiprocessing.get_context("spawn"), [], []
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for this process alone
    try:
        for _ in range(n_workers):
            ours, theirs = spawn.Pipe()
            started.append(spawn.Process(target=serve, args=(run, theirs), daemon=True))
            started[-1].start()
            theirs.close()
            connections.append(ours)
        signal.signal(signal.SIGINT, usual)
        yield connections
    finally:
        signal.signal(signal.SIGINT, usual)
        for process in started:
            process.kill()
            process.join()


def serve(run: Run, caller: Connection) -> None:
    """Do the tasks that the caller sends, until it ends."""
    threading.Thread(target=end_with_caller, daemon=True).start()
    while True:
        try:
            number, task = caller.recv()
            caller.send((number, attempted(run, task)))
        except (EOFError, BrokenPipeError):
            return


def attempted(run: Run, task: tuple[Settings, int]) -> Outcome | Exception:
    """Return the outcome of a task, or the error that it ended with, with the place."""
    try:
        return timed(run, *task)
    except Exception as error:
        error.add_note(f"In the process of the job:\n{traceback.format_exc()}")
        try:
            return pickle.loads(pickle.dumps(error))
        except Exception:  # an error of another library that cannot be sent
            return RuntimeError(traceback.format_exc())


def end_with_caller() -> None:
    """End this process, in the middle of its job, when the one that started it is gone."""
    if caller := multiprocessing.parent_process():
        caller.join()
        os._exit(1)
