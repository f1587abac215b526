"""What both do in PostgreSQL: one statement a step, each a transaction."""

SCHEMA = (
    "CREATE TABLE stock (sku int PRIMARY KEY, quantity bigint NOT NULL, reserved bigint NOT NULL DEFAULT 0)",
    "INSERT INTO stock SELECT n, 1000000000, 0 FROM generate_series(0, 99) n",
    "CREATE TABLE orders (id bigint PRIMARY KEY, status text NOT NULL DEFAULT 'new', paid bool NOT NULL DEFAULT false)",
    "INSERT INTO orders SELECT n FROM generate_series(1, 200000) n",
    "VACUUM ANALYZE",
)
STEPS = {
    "reserve": "UPDATE stock SET reserved = reserved + 1 WHERE sku = %s %% 100 AND quantity - reserved >= 1",
    "pay": "UPDATE orders SET paid = true WHERE id = %s",
    "confirm": "UPDATE orders SET status = 'confirmed' WHERE id = %s AND paid",
}
# What must be true of them afterwards, as our shop is checked: sold as many as were confirmed.
CONFIRMED = "SELECT count(*), (SELECT sum(reserved) FROM stock) FROM orders WHERE status = 'confirmed'"
