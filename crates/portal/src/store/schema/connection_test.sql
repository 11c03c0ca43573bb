-- The last test of the connection to a domain's own server.
CREATE TABLE connection_test (
    domain TEXT NOT NULL PRIMARY KEY REFERENCES domain (name) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    -- Who asked for it.
    actor TEXT NOT NULL,
    -- The next hops that the portal's entry named then, as JSON.
    next_hops TEXT NOT NULL,
    -- What was found, as JSON.
    findings TEXT NOT NULL
);
