-- A first load: what somebody asked for, how far it is, and what it counted. No content: the JQL is
-- sealed and goes with the end; what is named are issue keys.
CREATE TABLE load (
    run_id uuid PRIMARY KEY REFERENCES run ON DELETE CASCADE,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    sources text NOT NULL CHECK (sources IN ('left', 'right', 'both')),
    -- The two fields, as left=right, whose equal values make a pair; NULL: none.
    match_key text,
    jql bytea,
    phase text NOT NULL DEFAULT 'read' CHECK (phase IN ('read', 'decide', 'carry', 'done')),
    -- The walk that is read, the time of creation that it was asked from, the page that is next,
    -- and the newest time of creation seen: where to ask from once the site forgot the page.
    walk smallint NOT NULL DEFAULT 0,
    since timestamptz,
    page text,
    newest timestamptz,
    -- The next step may be taken then; it is ahead while one is under way. Only the step that holds
    -- the lease may store what it did.
    not_before timestamptz NOT NULL DEFAULT now(),
    lease uuid,
    attempts smallint NOT NULL DEFAULT 0,
    about bigint NOT NULL DEFAULT 0,
    read bigint NOT NULL DEFAULT 0,
    marked bigint NOT NULL DEFAULT 0,
    paired bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    linked bigint NOT NULL DEFAULT 0,
    ambiguous bigint NOT NULL DEFAULT 0,
    parked bigint NOT NULL DEFAULT 0,
    unsettled bigint NOT NULL DEFAULT 0,
    named jsonb NOT NULL DEFAULT '[]'
        CHECK (jsonb_typeof(named) = 'array' AND jsonb_array_length(named) <= 100),
    begun_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((phase = 'done') = (ended_at IS NOT NULL)),
    CHECK (ended_at IS NULL OR jql IS NULL)
);
-- One at a time: two loads of one profile would each pair what the other creates.
CREATE UNIQUE INDEX uq_load_running ON load (profile_id) WHERE ended_at IS NULL;
CREATE INDEX ix_load_left_tenant_id ON load (left_tenant_id, run_id);
ALTER TABLE load ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON load TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON load TO tandem_app;
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, jql ON load
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'jql');

-- The issues that a load has read: ids, keys, and of the field to match a fingerprint under a key
-- of this load's own. They are deleted at its end.
CREATE TABLE load_issue (
    run_id uuid NOT NULL REFERENCES load ON DELETE CASCADE,
    side text NOT NULL CHECK (side IN ('left', 'right')),
    issue_id bigint NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    key text NOT NULL,
    mark text,
    updated timestamptz NOT NULL,
    -- Whether the issue is to be loaded, or is there to be found only; and what was decided.
    source boolean NOT NULL,
    outcome text CHECK (outcome IN ('paired', 'create', 'linked', 'ambiguous', 'twin')),
    PRIMARY KEY (run_id, side, issue_id)
);
CREATE INDEX ix_load_issue_mark ON load_issue (run_id, mark) WHERE mark IS NOT NULL;
CREATE INDEX ix_load_issue_open ON load_issue (run_id, side, issue_id)
    WHERE source AND outcome IS NULL;
ALTER TABLE load_issue ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON load_issue TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON load_issue TO tandem_app;
