"""`temporal_driver.py AT_ONCE SECONDS FIRST`: so many sagas at once, from order FIRST on; prints the seconds of each as JSON."""

import asyncio
import itertools
import json
import os
import sys
import time

import uvloop
from temporalio.client import Client


async def main(at_once: int, seconds: float, first: int) -> None:
    """A closed loop: who is done begins the next."""
    client = await Client.connect(os.environ["TEMPORAL"])
    numbers, waits = itertools.count(first), list[float]()
    began = time.perf_counter()

    async def one_after_the_other() -> None:
        while (now := time.perf_counter()) < began + seconds:
            order = next(numbers)
            await client.execute_workflow("OrderSaga", order, id=f"order-{order}", task_queue="orders")
            waits.append(time.perf_counter() - now)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    print(json.dumps({"waits": waits, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
