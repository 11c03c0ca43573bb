-- Times are milliseconds since 1970-01-01; ids are 128 random bits as text; truths are 0 or 1.

CREATE TABLE organisation (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE account (
    id TEXT NOT NULL PRIMARY KEY,
    -- A mail address or another name, in lower case.
    login TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    -- None: an operator.
    organisation TEXT REFERENCES organisation (id),
    language TEXT NOT NULL,
    -- PHC string of argon2id; none: the account has no password yet.
    password TEXT,
    totp_secret TEXT,
    -- A secret that is shown and not confirmed yet.
    totp_pending TEXT,
    -- The last time step whose code was used.
    totp_step BIGINT NOT NULL,
    created BIGINT NOT NULL,
    disabled BIGINT,
    signed_in BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX account_organisation ON account (organisation);

-- Of every secret only the SHA-256 is kept.
CREATE TABLE recovery_code (
    hash TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id)
);
CREATE TABLE link (
    hash TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    created BIGINT NOT NULL,
    ends BIGINT NOT NULL
);
CREATE TABLE session (
    hash TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    -- Whether the code of the authenticator is still to come.
    half BIGINT NOT NULL,
    -- When the password was last given; for what is dangerous.
    confirmed BIGINT NOT NULL,
    -- The organisation that an operator acts on behalf of.
    behalf TEXT REFERENCES organisation (id),
    created BIGINT NOT NULL,
    used BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX session_account ON session (account);
CREATE TABLE token (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    -- Words of scopes, separated by blanks.
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    used BIGINT,
    revoked BIGINT
);
CREATE INDEX token_account ON token (account);

CREATE TABLE domain (
    -- example.org or *.example.org: lower case, A-labels.
    name TEXT NOT NULL PRIMARY KEY,
    -- The domain's labels from the top, as in org.example: what lies below a domain follows it.
    reversed TEXT NOT NULL,
    organisation TEXT NOT NULL REFERENCES organisation (id),
    mode TEXT NOT NULL,
    -- The entry of the policy as JSON, in the keys of the policy.
    entry TEXT NOT NULL,
    -- When the mode was last chosen, and by whom; none: never.
    switched BIGINT,
    switched_by TEXT,
    -- The first version of the policy's file that has the entry as it is.
    file_version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX domain_reversed ON domain (reversed);
CREATE INDEX domain_organisation ON domain (organisation, name);
-- How many there are in which mode.
CREATE INDEX domain_mode ON domain (organisation, mode);

-- What operators offer to organisations, as JSON; one row.
CREATE TABLE offer (
    id BIGINT NOT NULL PRIMARY KEY,
    offer TEXT NOT NULL,
    version BIGINT NOT NULL
);
-- The version of the policy's file that holds all changes up to now; one row.
CREATE TABLE generation (
    id BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO generation (id, number) VALUES (1, 0);

CREATE TABLE answered (
    token TEXT NOT NULL REFERENCES token (id),
    -- The Idempotency-Key, and what was asked under it.
    idempotency_key TEXT NOT NULL,
    request TEXT NOT NULL,
    status BIGINT NOT NULL,
    answer TEXT NOT NULL,
    etag TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (token, idempotency_key)
);

CREATE TABLE audit (
    id {number},
    at BIGINT NOT NULL,
    -- The account's id and name at that time: they stay when the account goes.
    account TEXT,
    actor TEXT NOT NULL,
    -- The organisation that an operator acted on behalf of.
    behalf TEXT,
    via TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    -- What it was done to: a domain, or the id of something else; and how people call that.
    subject TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    -- Whose matter it is; none: the operator's.
    organisation TEXT,
    before TEXT,
    after TEXT,
    -- The row whose change was undone.
    undoes BIGINT
);
CREATE INDEX audit_organisation ON audit (organisation, id);
CREATE INDEX audit_subject ON audit (subject, id);
CREATE INDEX audit_subject_name ON audit (subject_name, id);
