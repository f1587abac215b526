"""Where the live connections' database look-ups run: a few threads, however many sockets there are."""

from concurrent.futures import ThreadPoolExecutor

from channels.db import database_sync_to_async

from apps.notification import queries

# By default such calls share one thread with everything else that is synchronous. Each of these borrows a
# connection for one query: together they leave half of the pool (settings.POOL) to HTTP requests.
THREADS = ThreadPoolExecutor(4, thread_name_prefix="live")

newest_ids = database_sync_to_async(queries.newest_ids, thread_sensitive=False, executor=THREADS)
