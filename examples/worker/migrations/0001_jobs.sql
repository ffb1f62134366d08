-- What is to be done. A job that was handed out is somebody's until `leased_until`, which he moves
-- on while he works.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Enqueued twice, it is one job.
    key TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    -- Milliseconds since 1970. Nobody else has it before: the end of a lease, or of a wait after a
    -- failure.
    leased_until INTEGER NOT NULL DEFAULT 0,
    -- One more at each hand-out: whoever comes with an older one has lost the job.
    token INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    done_at INTEGER
);

CREATE INDEX jobs_to_do ON jobs (priority DESC, id) WHERE done_at IS NULL;

-- What was done, by the key of its job: a job that is delivered twice has its effect once.
CREATE TABLE effects (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL
) WITHOUT ROWID;

-- The effect itself, for which the real thing would charge a card.
CREATE TABLE totals (
    kind TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;
