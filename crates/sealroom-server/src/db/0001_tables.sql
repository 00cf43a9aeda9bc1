-- One schema for SQLite and PostgreSQL: TEXT and BIGINT alone. Times are milliseconds since 1970.

CREATE TABLE accounts (
    email      TEXT   NOT NULL PRIMARY KEY,
    id         TEXT   NOT NULL UNIQUE,
    kind       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

-- Only hashes: who reads the table can't log in.
CREATE TABLE refresh_tokens (
    hash       TEXT   NOT NULL PRIMARY KEY,
    email      TEXT   NOT NULL REFERENCES accounts (email),
    created_at BIGINT NOT NULL
);

-- The log. The key is what makes a stale writer lose.
CREATE TABLE events (
    computation TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    record      TEXT   NOT NULL,
    PRIMARY KEY (computation, seq)
);

-- What is asked of many computations at once; written together with the events that it follows from.
CREATE TABLE computations (
    id            TEXT   NOT NULL PRIMARY KEY,
    phase         TEXT   NOT NULL,
    needs_enclave BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    claimed_at    BIGINT NOT NULL
);
CREATE INDEX computations_to_claim ON computations (needs_enclave, claimed_at);

-- Whom a computation concerns.
CREATE TABLE concerns (
    email       TEXT NOT NULL,
    computation TEXT NOT NULL,
    PRIMARY KEY (email, computation)
);

CREATE TABLE leases (
    computation TEXT   NOT NULL PRIMARY KEY,
    enclave     TEXT   NOT NULL,
    token_hash  TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX leases_by_enclave ON leases (enclave);

-- Which blob holds a stored file. The digest is part of the key: a replacement stands beside what it
-- replaces until the event that makes it count is stored.
CREATE TABLE files (
    computation TEXT   NOT NULL,
    place       TEXT   NOT NULL,
    sha256      TEXT   NOT NULL,
    size        BIGINT NOT NULL,
    blob        TEXT   NOT NULL,
    PRIMARY KEY (computation, place, sha256)
);

-- Blobs that no file refers to, yet or any more. What is found here after a crash is deleted.
CREATE TABLE loose_blobs (
    blob  TEXT   NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL
);

CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
