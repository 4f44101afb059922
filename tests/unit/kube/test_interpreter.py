"""The set-up of the operator's Python, seen from inside a process that has it."""

import json
import subprocess
import sys

from ner_operator.kube.interpreter import ARENAS, COLLECT, SWITCH

SHOWN = """
import ctypes, gc, json, sys, threading
from ner_operator.kube import interpreter
interpreter.tune()
interpreter.freeze()
libc = ctypes.CDLL(None)
meanwhile, done = threading.Barrier(9), threading.Barrier(9)
def work():
    held = bytearray(100_000)
    meanwhile.wait()
    done.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
meanwhile.wait()
sys.stdout.flush()
if hasattr(libc, "malloc_stats"): libc.malloc_stats()
done.wait()
print(json.dumps([sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count() > 1000]))
"""


def test_threads_share_few_heaps_and_the_collector_is_calm() -> None:
    run = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [SWITCH, list(COLLECT), True]
    # glibc tells of each arena; another C library of none.
    assert run.stderr.count("Arena ") <= ARENAS
