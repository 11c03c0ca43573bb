-- By whom else an account is reached: somebody whom an OpenID provider knows.
CREATE TABLE identity (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    -- Who it is: these two, and nothing else. Compared octet by octet.
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    created BIGINT NOT NULL,
    -- When it last signed in.
    used BIGINT,
    UNIQUE (issuer, subject)
);
CREATE INDEX identity_account ON identity (account);
