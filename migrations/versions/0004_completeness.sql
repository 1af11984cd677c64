-- What the slow check of a whole scope found: counts, and of what differs the issue keys and the
-- ids of fields. No content, no fingerprint.
CREATE TABLE completeness (
    profile_id uuid PRIMARY KEY REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    calls_a_minute smallint NOT NULL DEFAULT 60 CHECK (calls_a_minute BETWEEN 1 AND 6000),
    due_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    -- The next step may be taken then; it is far enough ahead while one is under way. Only the
    -- step that holds the lease may store what it found.
    not_before timestamptz NOT NULL DEFAULT now(),
    lease uuid,
    attempts smallint NOT NULL DEFAULT 0,
    -- How far it is: the pairs by the id of their link, then each side's scope by the pages that
    -- the site itself numbers. Suspects wait for the second look.
    phase text NOT NULL DEFAULT 'pairs' CHECK (phase IN ('pairs', 'left', 'right')),
    after_link uuid,
    page text,
    suspects jsonb NOT NULL DEFAULT '[]',
    about bigint NOT NULL DEFAULT 0,
    pairs bigint NOT NULL DEFAULT 0,
    agreed bigint NOT NULL DEFAULT 0,
    differing bigint NOT NULL DEFAULT 0,
    gone bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,
    parked bigint NOT NULL DEFAULT 0,
    only_left bigint NOT NULL DEFAULT 0,
    only_right bigint NOT NULL DEFAULT 0,
    unlinked_left bigint NOT NULL DEFAULT 0,
    unlinked_right bigint NOT NULL DEFAULT 0,
    named jsonb NOT NULL DEFAULT '[]'
        CHECK (jsonb_typeof(named) = 'array' AND jsonb_array_length(named) <= 100),
    unseen jsonb NOT NULL DEFAULT '[]',
    CHECK (finished_at IS NULL OR started_at IS NOT NULL)
);
ALTER TABLE completeness ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON completeness TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON completeness TO tandem_app;

-- The walk over a profile's pairs, a hundred at a time.
CREATE INDEX ix_issue_link_walk ON issue_link (profile_id, id);

-- Which profiles have a step of a check due: one that runs, that is due, or that has no row yet.
-- For the worker, which then asks for the rows in the tenant's own scope.
CREATE FUNCTION tandem_due_checks(most integer) RETURNS TABLE (profile_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT p.id
    FROM profile p LEFT JOIN completeness c ON c.profile_id = p.id
    WHERE p.state = 'on'
      AND CASE WHEN c.started_at IS NOT NULL AND c.finished_at IS NULL THEN c.not_before <= now()
               ELSE coalesce(c.due_at <= now(), true) END
    ORDER BY c.not_before NULLS FIRST
    LIMIT most;
END;
REVOKE ALL ON FUNCTION tandem_due_checks(integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_due_checks(integer) TO tandem_app;
