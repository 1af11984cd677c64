-- What keeps Data Center out: only Cloud is stored, jobs carry ids, and one counter.

-- A check that fails quotes the row, in the error and in the server's own log. So a trigger stands
-- before each check and refuses with a sentence that quotes nothing; the check stays, for whoever
-- takes the trigger away.
CREATE FUNCTION tandem_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = TG_ARGV[0];
END
$$;

-- Where the owner may say so, the server's log of this database quotes no rows and no statements.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET log_error_verbosity = terse', current_database());
    EXECUTE format('ALTER DATABASE %I SET log_min_error_statement = panic', current_database());
EXCEPTION
    WHEN insufficient_privilege THEN NULL; -- a server of others: the triggers must do
END
$$;

-- An installation is a Cloud site: it has said so, and it has a cloud id.
CREATE FUNCTION tandem_is_cloud(deployment text, cloud_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        deployment = 'Cloud'
        AND cloud_id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
        false);

ALTER TABLE installation ADD COLUMN deployment text;
UPDATE installation SET deployment = 'Cloud'; -- what is there was signed by Atlassian
DO $$
BEGIN
    IF EXISTS (SELECT FROM installation WHERE NOT tandem_is_cloud(deployment, cloud_id)) THEN
        RAISE EXCEPTION 'An installation has no cloud id, or an odd one.'
            USING HINT = 'Install the app on that site again with the release before, or delete '
                'its row; then upgrade.';
    END IF;
END
$$;
-- No default: who stores a site says what it is.
ALTER TABLE installation
    ALTER COLUMN deployment SET NOT NULL,
    ALTER COLUMN cloud_id SET NOT NULL,
    ADD CONSTRAINT ck_installation_cloud CHECK (tandem_is_cloud(deployment, cloud_id));
CREATE TRIGGER tandem_only_cloud
    BEFORE INSERT OR UPDATE OF deployment, cloud_id ON installation
    FOR EACH ROW WHEN (NOT tandem_is_cloud(NEW.deployment, NEW.cloud_id))
    EXECUTE FUNCTION tandem_refuse('Only a Jira Cloud site with its cloud id can be stored.');

-- A job carries ids and numbers: these tasks, with exactly these arguments and locks.
-- A house job is one that the clock defers: its only argument is the time.
CREATE FUNCTION tandem_is_house_job(
    task text, queue text, lock text, queueing_lock text, args jsonb
) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN queue = 'house' AND lock IS NULL AND queueing_lock = task
        AND args - 'timestamp' = '{}'
        AND jsonb_typeof(args -> 'timestamp') = 'number'
        AND args ->> 'timestamp' ~ '^[0-9]{1,12}$';
CREATE FUNCTION tandem_is_known_job(
    task text, queue text, lock text, queueing_lock text, args jsonb
) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        CASE
        WHEN jsonb_typeof(args) <> 'object' THEN false
        WHEN task = 'drain' THEN
            queue = 'sync'
            AND args - ARRAY['profile_id', 'lane'] = '{}'
            AND args ->> 'profile_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            AND jsonb_typeof(args -> 'lane') = 'number'
            AND args ->> 'lane' ~ '^[0-9]{1,4}$'
            AND lock = 'drain:' || (args ->> 'profile_id') || ':' || (args ->> 'lane')
            AND queueing_lock IN (lock, lock || ':later')
        WHEN task IN ('sweep', 'revive') THEN
            tandem_is_house_job(task, queue, lock, queueing_lock, args)
        END,
        false);

ALTER TABLE procrastinate_jobs ADD CONSTRAINT ck_procrastinate_jobs_known
    CHECK (tandem_is_known_job(task_name, queue_name, lock, queueing_lock, args));
CREATE TRIGGER tandem_only_known
    BEFORE INSERT OR UPDATE OF task_name, queue_name, lock, queueing_lock, args
    ON procrastinate_jobs FOR EACH ROW
    WHEN (NOT tandem_is_known_job(
        NEW.task_name, NEW.queue_name, NEW.lock, NEW.queueing_lock, NEW.args))
    EXECUTE FUNCTION tandem_refuse('A job carries only what its task is known to need.');

ALTER TABLE procrastinate_periodic_defers ADD CONSTRAINT ck_procrastinate_periodic_defers_known
    CHECK (task_name IN ('sweep', 'revive') AND periodic_id = task_name);
CREATE TRIGGER tandem_only_known
    BEFORE INSERT OR UPDATE OF task_name, periodic_id ON procrastinate_periodic_defers
    FOR EACH ROW WHEN (NOT (NEW.task_name IN ('sweep', 'revive') AND NEW.periodic_id = NEW.task_name))
    EXECUTE FUNCTION tandem_refuse('A job carries only what its task is known to need.');

-- What a refused call leaves: one more of a number. The product can add to it by the function, and
-- can neither read nor write it otherwise.
CREATE TABLE counter (
    name text PRIMARY KEY CHECK (name IN ('data_center_refused', 'install_refused')),
    value bigint NOT NULL DEFAULT 0
);
ALTER TABLE counter ENABLE ROW LEVEL SECURITY;
INSERT INTO counter (name) VALUES ('data_center_refused'), ('install_refused');

-- An unknown name counts nothing: a check that fails would quote it.
CREATE FUNCTION tandem_count(wanted text) RETURNS boolean
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    UPDATE counter SET value = value + 1 WHERE name = wanted RETURNING true;
END;
REVOKE ALL ON FUNCTION tandem_count(text) FROM public;
GRANT EXECUTE ON FUNCTION tandem_count(text) TO tandem_app;
