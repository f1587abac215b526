"""Workflow and activities of Temporal, in one worker process. Run by the Python of Temporal's own environment."""

import json
import os
from datetime import timedelta

import uvloop
from psycopg_pool import AsyncConnectionPool
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

STEPS = json.loads(os.environ["STEPS"])
TIMEOUT = timedelta(seconds=30)
AT_ONCE = 64
pools: list[AsyncConnectionPool] = []


@activity.defn(name="step")  # type: ignore[untyped-decorator]
async def step(name: str, order: int) -> None:
    """One statement, one transaction."""
    async with pools[0].connection() as connection:
        done = await connection.execute(STEPS[name], (order,))
    if done.rowcount != 1:
        raise RuntimeError(f"{name} of {order} changed {done.rowcount} rows")


@workflow.defn(name="OrderSaga", sandboxed=False)  # it reads nothing that could change
class OrderSaga:
    """Reserve, pay, confirm."""

    @workflow.run  # type: ignore[untyped-decorator]
    async def run(self, order: int) -> str:
        """One step after the other."""
        for name in ("reserve", "pay", "confirm"):
            await workflow.execute_activity("step", args=[name, order], start_to_close_timeout=TIMEOUT)
        return "confirmed"


async def main() -> None:
    """Work until it is stopped."""
    pool = AsyncConnectionPool(
        os.environ["DATABASE"], min_size=8, max_size=8, open=False, kwargs={"autocommit": True}
    )
    await pool.open(wait=True)
    pools.append(pool)
    client = await Client.connect(os.environ["TEMPORAL"])
    worker = Worker(
        client,
        task_queue="orders",
        workflows=[OrderSaga],
        activities=[step],
        max_concurrent_activities=AT_ONCE,
        max_concurrent_workflow_tasks=AT_ONCE,
    )
    await worker.run()


if __name__ == "__main__":
    uvloop.run(main())
