-- Why changes are set aside: codes and ids of fields in the clear, the site's own words sealed.
-- What was stored in their place before may hold values of issues.
UPDATE change SET reason = CASE WHEN parked THEN 'issue-refused' END
WHERE reason !~ '^[a-z]{1,20}(-[a-z]{1,20}){0,4}$';
ALTER TABLE change ADD CONSTRAINT ck_change_reason
    CHECK (reason ~ '^[a-z]{1,20}(-[a-z]{1,20}){0,4}$');

-- It was parked and is asked again: it waits behind the live ones, and is paced as a run's. A live
-- change of the same issue takes it over.
ALTER TABLE change ADD COLUMN retried boolean NOT NULL DEFAULT false;

CREATE TABLE parked_cause (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL,
    side text NOT NULL,
    issue_id bigint NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    -- Whose site refused, what, and (as a keyed fingerprint) which value. No mark: the whole issue.
    at_side text NOT NULL CHECK (at_side IN ('left', 'right')),
    code text NOT NULL CHECK (code IN (
        'field-required', 'field-not-on-screen', 'value-unknown', 'value-too-long',
        'value-malformed', 'text-refused', 'field-refused', 'issue-forbidden', 'issue-gone',
        'issue-too-large', 'workflow', 'issue-refused', 'create-forbidden', 'scope-refused',
        'create-refused')),
    field text NOT NULL DEFAULT '' CHECK (field ~ '^[A-Za-z0-9_.-]{0,100}$'),
    field_key text NOT NULL DEFAULT '' CHECK (field_key ~ '^[A-Za-z0-9_.=-]{0,201}$'),
    mark text NOT NULL DEFAULT '' CHECK (mark ~ '^[0-9a-f]{0,64}$'),
    said bytea NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    asked_at timestamptz NOT NULL DEFAULT now(),
    -- The next visit asks the site again: for somebody, or to see whether the cause went away.
    ask text NOT NULL DEFAULT '' CHECK (ask IN ('', 'retry', 'probe')),
    FOREIGN KEY (profile_id, side, issue_id) REFERENCES change ON DELETE CASCADE
);
CREATE INDEX ix_parked_cause_change ON parked_cause (profile_id, side, issue_id);
CREATE INDEX ix_parked_cause_group ON parked_cause (profile_id, at_side, code, field, asked_at);
CREATE INDEX ix_parked_cause_left_tenant_id ON parked_cause (left_tenant_id, id);
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, said ON parked_cause
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'said');

-- When the site is asked again about one change of those with the same root cause.
CREATE TABLE parked_group (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    at_side text NOT NULL CHECK (at_side IN ('left', 'right')),
    code text NOT NULL,
    field text NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    tries smallint NOT NULL DEFAULT 0,
    next_probe timestamptz NOT NULL DEFAULT now() + interval '1 hour',
    PRIMARY KEY (profile_id, at_side, code, field)
);
CREATE INDEX ix_parked_group_due ON parked_group (next_probe);

ALTER TABLE parked_cause ENABLE ROW LEVEL SECURITY;
ALTER TABLE parked_group ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON parked_cause TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
CREATE POLICY either_side ON parked_group TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON parked_cause, parked_group TO tandem_app;

-- Make one change due in each group whose time has come: after an hour, then 2, 4 … hours, at most
-- a day. Changes are locked first, as everybody does who touches both tables.
CREATE FUNCTION tandem_probe_parked(most integer)
    RETURNS TABLE (profile_id uuid, lane smallint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH due AS (
        SELECT g.profile_id, g.at_side, g.code, g.field
        FROM parked_group g JOIN profile p ON p.id = g.profile_id
        WHERE g.next_probe <= now() AND p.state = 'on'
        ORDER BY g.next_probe LIMIT most FOR UPDATE OF g SKIP LOCKED
    ), picked AS (
        SELECT d.*, x.id, x.side, x.issue_id FROM due d CROSS JOIN LATERAL (
            SELECT pc.id, pc.side, pc.issue_id
            FROM parked_cause pc
            JOIN change c ON c.profile_id = pc.profile_id AND c.side = pc.side
                AND c.issue_id = pc.issue_id
            WHERE pc.profile_id = d.profile_id AND pc.at_side = d.at_side AND pc.code = d.code
                AND pc.field = d.field AND c.parked
            ORDER BY pc.asked_at LIMIT 1 FOR UPDATE OF c SKIP LOCKED) AS x
    ), put_off AS (
        UPDATE parked_group g
        SET tries = least(g.tries + 1, 1000), next_probe = now()
            + least(interval '1 day', interval '1 hour' * 2 ^ least(g.tries + 1, 5))
        FROM picked d
        WHERE (g.profile_id, g.at_side, g.code, g.field)
            = (d.profile_id, d.at_side, d.code, d.field)
    ), emptied AS (
        DELETE FROM parked_group g USING due d
        WHERE (g.profile_id, g.at_side, g.code, g.field)
            = (d.profile_id, d.at_side, d.code, d.field)
          AND NOT EXISTS (SELECT FROM parked_cause pc WHERE pc.profile_id = d.profile_id
            AND pc.at_side = d.at_side AND pc.code = d.code AND pc.field = d.field)
    ), asked AS (
        UPDATE parked_cause pc SET ask = 'probe', asked_at = now() FROM picked d
        WHERE pc.id = d.id
    )
    UPDATE change c
    SET parked = false, retried = true, reason = 'retry', attempts = 0, event_updated = NULL,
        not_before = now(), version = c.version + 1
    FROM (SELECT DISTINCT d.profile_id, d.side, d.issue_id FROM picked d) AS one
    WHERE c.profile_id = one.profile_id AND c.side = one.side AND c.issue_id = one.issue_id
    RETURNING c.profile_id, c.lane;
END;
REVOKE ALL ON FUNCTION tandem_probe_parked(integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_probe_parked(integer) TO tandem_app;

-- A profile that was edited or resumed is asked again in everything; the sweep rings for it.
CREATE FUNCTION tandem_parked_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH due AS (
        SELECT side, issue_id FROM change WHERE profile_id = NEW.id AND parked
        ORDER BY side, issue_id FOR UPDATE)
    UPDATE change c
    SET parked = false, retried = true, reason = 'retry', attempts = 0, event_updated = NULL,
        not_before = now(), version = version + 1
    FROM due WHERE c.profile_id = NEW.id AND c.side = due.side AND c.issue_id = due.issue_id;
    UPDATE parked_cause SET ask = 'retry' WHERE profile_id = NEW.id;
    UPDATE parked_group SET tries = 0, next_probe = now() + interval '1 hour'
    WHERE profile_id = NEW.id;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tandem_parked_follows() FROM public;
CREATE TRIGGER parked_follows AFTER UPDATE OF state, revision ON profile
    FOR EACH ROW
    WHEN (NEW.state = 'on' AND (OLD.state <> NEW.state OR OLD.revision <> NEW.revision))
    EXECUTE FUNCTION tandem_parked_follows();
