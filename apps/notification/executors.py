"""Where the live connections' database look-ups run: a few threads, however many sockets there are."""

from concurrent.futures import ThreadPoolExecutor

from channels.db import database_sync_to_async

from apps.notification import queries

# Each thread keeps a database connection: these and `threaded_asgi.THREADS` are all that a process has.
THREADS = ThreadPoolExecutor(2, thread_name_prefix="live")

newest_ids = database_sync_to_async(queries.newest_ids, thread_sensitive=False, executor=THREADS)
