-- What participants ask an enclave, and what it answers. Short-lived: a challenge counts once.
CREATE TABLE challenges (
    computation TEXT   NOT NULL,
    challenge   TEXT   NOT NULL,
    asked_at    BIGINT NOT NULL,
    evidence    TEXT   NOT NULL,
    PRIMARY KEY (computation, challenge)
);
