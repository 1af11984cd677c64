-- When each side of a profile was last searched for changes that no webhook told.
ALTER TABLE profile ADD COLUMN search_seconds integer NOT NULL DEFAULT 300
    CHECK (search_seconds BETWEEN 60 AND 86400);

CREATE TABLE search_look (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    side text NOT NULL CHECK (side IN ('left', 'right')),
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    -- Nothing older is looked for: what was there before the profile is no business of this.
    since timestamptz NOT NULL,
    -- When the last look that came to its end began.
    looked_at timestamptz NOT NULL,
    -- The next look; while one is under way, when it counts as lost. Never, while paused.
    due_at timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (profile_id, side)
);
CREATE INDEX ix_search_look_due ON search_look (due_at);

GRANT SELECT, UPDATE ON search_look TO tandem_app;
ALTER TABLE search_look ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON search_look TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));

-- A profile that is there before this is searched from now on.
INSERT INTO search_look
    (profile_id, side, left_tenant_id, right_tenant_id, since, looked_at, due_at)
SELECT p.id, s.side, p.left_tenant_id, p.right_tenant_id, now(), now(),
    CASE WHEN p.state = 'on' THEN now() + random() * interval '300 seconds' ELSE 'infinity' END
FROM profile p, (VALUES ('left'), ('right')) AS s (side);

-- The rows come with their profile, at a moment by chance; a paused profile is never due, and one
-- that resumes is due at once, from its old mark.
CREATE FUNCTION tandem_search_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO search_look
            (profile_id, side, left_tenant_id, right_tenant_id, since, looked_at, due_at)
        SELECT NEW.id, s.side, NEW.left_tenant_id, NEW.right_tenant_id,
            NEW.created_at, NEW.created_at,
            CASE WHEN NEW.state = 'on'
                 THEN now() + random() * make_interval(secs => NEW.search_seconds)
                 ELSE 'infinity' END
        FROM (VALUES ('left'), ('right')) AS s (side);
    ELSE
        UPDATE search_look
        SET due_at = CASE WHEN NEW.state = 'on' THEN now() ELSE 'infinity' END, attempts = 0
        WHERE profile_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tandem_search_follows() FROM public;
CREATE TRIGGER search_begins AFTER INSERT ON profile
    FOR EACH ROW EXECUTE FUNCTION tandem_search_follows();
CREATE TRIGGER search_follows AFTER UPDATE OF state ON profile
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION tandem_search_follows();

-- Take the looks that are due, each for one worker and for so long. One that is not ended in time
-- (its worker died) is taken again, from its old mark.
CREATE FUNCTION tandem_take_looks(most integer, seconds double precision)
    RETURNS TABLE (profile_id uuid, side text, left_tenant_id uuid, right_tenant_id uuid,
                   since timestamptz, looked_at timestamptz, began_at timestamptz)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    UPDATE search_look l
    SET due_at = now() + make_interval(secs => seconds)
    FROM (
        SELECT d.profile_id, d.side FROM search_look d
        WHERE d.due_at <= now()
        ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE l.profile_id = due.profile_id AND l.side = due.side
    RETURNING l.profile_id, l.side, l.left_tenant_id, l.right_tenant_id, l.since, l.looked_at,
        now();
END;
REVOKE ALL ON FUNCTION tandem_take_looks(integer, double precision) FROM public;
GRANT EXECUTE ON FUNCTION tandem_take_looks(integer, double precision) TO tandem_app;
