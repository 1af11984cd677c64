-- What somebody asked for on the page and a worker does: a plan, its application, what an undo would
-- do, an undo. Not more than one at a time for a profile. It is kept for a day.
CREATE TABLE errand (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('plan', 'apply', 'undo-plan', 'undo')),
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    -- Who asked, and the tenant whose person that is.
    begun_by text NOT NULL,
    begun_in uuid NOT NULL,
    revision integer NOT NULL,
    -- The errand or run that it is about, and the run that it made.
    of_errand uuid REFERENCES errand ON DELETE SET NULL,
    of_run uuid REFERENCES run ON DELETE CASCADE,
    run_id uuid REFERENCES run ON DELETE SET NULL,
    -- Sealed: what was asked, as a JQL; and what was found, in sentences that may hold values.
    held bytea NOT NULL,
    about bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    begun_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    lease uuid,
    lease_until timestamptz NOT NULL DEFAULT now(),
    CHECK ((state IN ('done', 'failed')) = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX uq_errand_open ON errand (profile_id) WHERE state IN ('waiting', 'running');
CREATE INDEX ix_errand_profile ON errand (profile_id, begun_at DESC);
CREATE INDEX ix_errand_begun_at ON errand (begun_at);
CREATE INDEX ix_errand_left_tenant_id ON errand (left_tenant_id, id);
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, held ON errand
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'held');

-- What a plan was made from, a hundred issues a row: ids and fingerprints, sealed. No value.
CREATE TABLE errand_page (
    errand_id uuid NOT NULL REFERENCES errand ON DELETE CASCADE,
    number integer NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    issues integer NOT NULL,
    held bytea NOT NULL,
    PRIMARY KEY (errand_id, number)
);
CREATE INDEX ix_errand_page_left_tenant_id ON errand_page (left_tenant_id, errand_id);
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, held ON errand_page
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'held');

ALTER TABLE errand ENABLE ROW LEVEL SECURITY;
ALTER TABLE errand_page ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON errand TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
CREATE POLICY either_side ON errand_page TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON errand, errand_page TO tandem_app;

-- The tenant whose person began a run on the page; NULL: a command did.
ALTER TABLE run ADD COLUMN begun_in uuid;

-- The loads that were begun on a page and have a step due: a worker takes it. For the house.
CREATE FUNCTION tandem_due_loads(most integer) RETURNS TABLE (profile_id uuid, run_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT l.profile_id, l.run_id FROM load l JOIN run r ON r.id = l.run_id
    WHERE l.ended_at IS NULL AND l.not_before <= now() AND r.begun_in IS NOT NULL
    ORDER BY l.not_before LIMIT most;
END;
REVOKE ALL ON FUNCTION tandem_due_loads(integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_due_loads(integer) TO tandem_app;

-- Takes the next errand, if fewer than `most` are at work; forgets those of yesterday. What a worker
-- held that died is taken over. For the house.
CREATE FUNCTION tandem_take_errand(most integer, hand uuid, seconds integer)
    RETURNS TABLE (id uuid, profile_id uuid)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tandem/errand', 0));
    DELETE FROM errand e WHERE e.begun_at < now() - interval '1 day'
        AND (e.state IN ('done', 'failed') OR e.lease_until < now() - interval '1 day');
    IF (SELECT count(*) FROM errand e WHERE e.state = 'running' AND e.lease_until > now()) >= most
    THEN
        RETURN;
    END IF;
    RETURN QUERY
        UPDATE errand e SET state = 'running', lease = hand,
            lease_until = now() + make_interval(secs => seconds)
        WHERE e.id = (
            SELECT w.id FROM errand w
            WHERE w.state = 'waiting' OR (w.state = 'running' AND w.lease_until <= now())
            ORDER BY w.begun_at LIMIT 1)
        RETURNING e.id, e.profile_id;
END
$$;
REVOKE ALL ON FUNCTION tandem_take_errand(integer, uuid, integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_take_errand(integer, uuid, integer) TO tandem_app;

-- A job that takes the steps of what was begun on a page:
--   errands  (house, every few seconds, no arguments)
CREATE OR REPLACE FUNCTION tandem_is_known_job(
    task text, queue text, lock text, queueing_lock text, args jsonb
) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        CASE
        -- First: what follows reads the arguments by name, and would refuse others by an error.
        WHEN jsonb_typeof(args) <> 'object' THEN false
        WHEN task = 'drain' THEN
            queue = 'sync'
            AND args - ARRAY['profile_id', 'lane'] = '{}'
            AND args ->> 'profile_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            AND jsonb_typeof(args -> 'lane') = 'number'
            AND args ->> 'lane' ~ '^[0-9]{1,4}$'
            AND lock = 'drain:' || (args ->> 'profile_id') || ':' || (args ->> 'lane')
            AND queueing_lock IN (lock, lock || ':later')
        WHEN task IN ('sweep', 'revive', 'search', 'complete', 'thaw', 'errands') THEN
            tandem_is_house_job(task, queue, lock, queueing_lock, args)
        END,
        false);

ALTER TABLE procrastinate_periodic_defers
    DROP CONSTRAINT ck_procrastinate_periodic_defers_known,
    ADD CONSTRAINT ck_procrastinate_periodic_defers_known CHECK (
        task_name IN ('sweep', 'revive', 'search', 'complete', 'thaw', 'errands')
        AND periodic_id = task_name);
DROP TRIGGER tandem_only_known ON procrastinate_periodic_defers;
CREATE TRIGGER tandem_only_known
    BEFORE INSERT OR UPDATE OF task_name, periodic_id ON procrastinate_periodic_defers
    FOR EACH ROW WHEN (NOT (
        NEW.task_name IN ('sweep', 'revive', 'search', 'complete', 'thaw', 'errands')
        AND NEW.periodic_id = NEW.task_name))
    EXECUTE FUNCTION tandem_refuse('A job carries only what its task is known to need.');
