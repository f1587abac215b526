"""`chain_driver.py AT_ONCE SECONDS FIRST`: so many chains at once, from order FIRST on; prints the seconds of each as JSON."""

import itertools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from celery import chain

from benchmarks.peers.sagas.chain import step


def main(at_once: int, seconds: float, first: int) -> None:
    """A closed loop: who is done begins the next."""
    numbers, waits = itertools.count(first), list[float]()
    began = time.perf_counter()

    def one_after_the_other(_: int) -> None:
        while (now := time.perf_counter()) < began + seconds:
            steps = chain(step.s(next(numbers), "reserve"), step.s("pay"), step.s("confirm"))
            steps.apply_async().get(timeout=60, interval=0.005)
            waits.append(time.perf_counter() - now)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one_after_the_other, range(at_once)))
    print(json.dumps({"waits": waits, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
