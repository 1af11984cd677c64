-- Jobs that the engine adds. A job still carries ids and numbers alone.
--   search    looks by JQL for what webhooks never told (house, every few seconds, no arguments)
--   complete  walks a scope and compares (house)
--   thaw      asks paused sites whether they let us in again (house)
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
        WHEN task IN ('sweep', 'revive', 'search', 'complete', 'thaw') THEN
            tandem_is_house_job(task, queue, lock, queueing_lock, args)
        END,
        false);

ALTER TABLE procrastinate_periodic_defers
    DROP CONSTRAINT ck_procrastinate_periodic_defers_known,
    ADD CONSTRAINT ck_procrastinate_periodic_defers_known CHECK (
        task_name IN ('sweep', 'revive', 'search', 'complete', 'thaw') AND periodic_id = task_name);
DROP TRIGGER tandem_only_known ON procrastinate_periodic_defers;
CREATE TRIGGER tandem_only_known
    BEFORE INSERT OR UPDATE OF task_name, periodic_id ON procrastinate_periodic_defers
    FOR EACH ROW WHEN (NOT (
        NEW.task_name IN ('sweep', 'revive', 'search', 'complete', 'thaw')
        AND NEW.periodic_id = NEW.task_name))
    EXECUTE FUNCTION tandem_refuse('A job carries only what its task is known to need.');
