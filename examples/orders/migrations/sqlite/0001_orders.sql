CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL
);

-- What is still to be dispatched: written in the transaction of its order.
CREATE TABLE outbox (
    order_id INTEGER PRIMARY KEY REFERENCES orders (id)
);

-- What was dispatched: the primary key lets no order be dispatched twice.
CREATE TABLE dispatches (
    order_id INTEGER PRIMARY KEY REFERENCES orders (id)
);
