"""How trainings and pages share the cores: every setting that holds for the whole process, in one place.

The process that lays out UMAP has its own, in `vqcore.projection`.
"""

import os
import sys
import threading

import torch

from vqcore.training.turns import Turns

THREADS = 1
"""CPU threads of every training, whatever its problem.

One number for the whole process: a second training never changes it under a running one. Trainings share the cores
by turns of one thread each, and a step on more waits for its slowest: with two on two cores that others used too,
`patches` fell from 17 to 1.6 steps a second and `digits` from 123 to 11.
"""

NICENESS = 5

TURNS = Turns(os.cpu_count() or 1)
"""Shared by all trainings of the process: where ten train on two cores, their pages still get a share of them."""


def compute_on_one_thread() -> None:
    """Have torch compute on `THREADS` from here on, whoever trains."""
    torch.set_num_threads(THREADS)


def keep_numpy_to_its_thread() -> None:
    """Have numpy compute on the thread that calls it, from here on.

    A page's products and eigenvectors are small, and a second thread for them costs a frame many times what it saves
    while a training has the cores.
    """
    from threadpoolctl import threadpool_limits  # late: a training without pages needs torch and numpy alone

    threadpool_limits(THREADS, user_api="blas")


def yield_to_others() -> None:
    """Let pages go before the thread that calls this, where cores are short: a step may wait, a click may not."""
    if sys.platform == "linux":  # elsewhere niceness belongs to the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
