-- What a profile names and its sites have no more: one row for each profile, with what the last
-- look found, sealed as it holds names, and when the next one is due.
CREATE TABLE drift (
    profile_id uuid PRIMARY KEY REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    -- The next look may be taken then; it is far enough ahead while one is under way. Only the look
    -- that holds the lease may store what it found.
    due_at timestamptz NOT NULL,
    looked_at timestamptz,
    lease uuid,
    attempts smallint NOT NULL DEFAULT 0,
    -- Of how many things were gone, and the revision that was compared.
    findings integer NOT NULL DEFAULT 0 CHECK (findings >= 0),
    revision integer NOT NULL DEFAULT 0,
    -- What the mapping names, as side:kind:id, for the sites' own events about them. Ids alone.
    named text[] NOT NULL DEFAULT '{}',
    held bytea
);
CREATE INDEX ix_drift_left_tenant_id ON drift (left_tenant_id, profile_id);
CREATE INDEX ix_drift_right_tenant_id ON drift (right_tenant_id);
ALTER TABLE drift ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON drift TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON drift TO tandem_app;
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, held ON drift
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'held');

-- Which profiles are to be looked at: once a day; sooner where the mapping was edited, or where a
-- site refused a write, since the last look and for a cause that is new, in a way that something
-- gone would explain; and those that have no row yet. For the worker, which then asks for the rows
-- in the tenant's own scope.
CREATE FUNCTION tandem_due_drift(most integer) RETURNS TABLE (profile_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT p.id
    FROM profile p LEFT JOIN drift d ON d.profile_id = p.id
    WHERE p.state = 'on'
      AND (coalesce(d.due_at <= now(), true)
           OR d.lease IS NULL AND d.attempts = 0 AND d.looked_at IS NOT NULL
              AND d.revision <> p.revision
           OR d.lease IS NULL AND d.attempts = 0 AND d.looked_at < now() - interval '10 minutes'
              AND EXISTS (
                SELECT FROM parked_cause c
                WHERE c.profile_id = p.id AND c.first_at > d.looked_at
                  AND c.code IN ('field-not-on-screen', 'value-unknown', 'value-malformed',
                                 'value-unpaired', 'move-no-way', 'scope-refused')
                  AND NOT EXISTS (
                    SELECT FROM parked_cause o
                    WHERE (o.profile_id, o.at_side, o.code, o.field)
                        = (c.profile_id, c.at_side, c.code, c.field)
                      AND o.first_at <= d.looked_at)))
    ORDER BY d.due_at NULLS FIRST
    LIMIT most;
END;
REVOKE ALL ON FUNCTION tandem_due_drift(integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_due_drift(integer) TO tandem_app;
