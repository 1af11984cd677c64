-- A run: a load, an apply or an undo that somebody began. Counts and ids, no content.
CREATE TABLE run (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('load', 'apply', 'undo')),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped')),
    -- Who began it: an account id, or 'command'.
    begun_by text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((state = 'running') = (ended_at IS NULL))
);
CREATE INDEX ix_run_profile ON run (profile_id, begun_at DESC);
ALTER TABLE run ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON run TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON run TO tandem_app;

-- The run that a change belongs to. It waits behind the live ones, and what it writes can be
-- undone as one. A live change of the same issue takes it over.
ALTER TABLE change ADD COLUMN run_id uuid REFERENCES run ON DELETE SET NULL;
CREATE INDEX ix_change_run ON change (run_id) WHERE run_id IS NOT NULL;

-- Fingerprints of what both sides hold once the writes under way are done; none are, where null.
ALTER TABLE issue_link ADD COLUMN planned jsonb;
