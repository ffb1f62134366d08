CREATE TABLE orders (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku TEXT NOT NULL,
    quantity BIGINT NOT NULL
);

-- What is still to be dispatched: written in the transaction of its order.
CREATE TABLE outbox (
    order_id BIGINT PRIMARY KEY REFERENCES orders (id)
);

-- What was dispatched: the primary key lets no order be dispatched twice.
CREATE TABLE dispatches (
    order_id BIGINT PRIMARY KEY REFERENCES orders (id)
);
