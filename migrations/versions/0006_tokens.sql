-- Sites that are reached by URL, email and API token: Tandem is not installed there. Each is a
-- tenant of its own that belongs to the one whose admin gave the token. It has no client key, so
-- that no token of Jira's is ever its; its `shared_secret` is its address, the email and the token,
-- sealed together, and `base_url` is made of the cloud id.
ALTER TABLE installation
    ADD COLUMN owner_id uuid REFERENCES installation ON DELETE CASCADE,
    ADD COLUMN given_by text CHECK (length(given_by) BETWEEN 1 AND 255),
    ADD COLUMN given_at timestamptz,
    ALTER COLUMN client_key DROP NOT NULL,
    ADD CONSTRAINT ck_installation_owner CHECK (
        (owner_id IS NULL) = (client_key IS NOT NULL)
        AND (owner_id IS NULL) = (given_by IS NULL)
        AND (owner_id IS NULL) = (given_at IS NULL)
        AND owner_id IS DISTINCT FROM id);
-- One site is reached once by an owner, however its address is written.
CREATE UNIQUE INDEX ux_installation_owner_cloud ON installation (owner_id, lower(cloud_id))
    WHERE owner_id IS NOT NULL;

-- The sites that the running tenant reaches by token. Row security shows them to themselves alone.
CREATE FUNCTION tandem_token_sites()
    RETURNS TABLE (id uuid, cloud_id text, state text, given_by text, given_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT i.id, i.cloud_id, i.state, i.given_by, i.given_at
    FROM installation i WHERE i.owner_id = tandem_tenant() ORDER BY i.given_at, i.id;
END;

-- Is the running tenant paired with a site of this cloud id where Tandem is installed?
CREATE FUNCTION tandem_is_paired_with(cloud text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM connection c
        JOIN installation i ON i.id IN (c.left_tenant_id, c.right_tenant_id)
        WHERE tandem_tenant() IN (c.left_tenant_id, c.right_tenant_id)
          AND i.id <> tandem_tenant() AND i.owner_id IS NULL
          AND i.state <> 'uninstalled' AND lower(i.cloud_id) = lower(cloud));
END;

-- Would a profile between these two lead from a site, over other profiles, to the same site by
-- another way in? Such a ring is not known as one by its tenants: each twin would get a twin.
CREATE FUNCTION tandem_meets_itself(one uuid, other uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE reached (id) AS (
        SELECT unnest(ARRAY[one, other])
        UNION
        SELECT CASE WHEN p.left_tenant_id = r.id THEN p.right_tenant_id ELSE p.left_tenant_id END
        FROM reached r JOIN profile p ON r.id IN (p.left_tenant_id, p.right_tenant_id))
    SELECT tandem_tenant() IN (one, other) AND EXISTS (
        SELECT FROM reached r JOIN installation i ON i.id = r.id
        GROUP BY lower(i.cloud_id) HAVING count(*) > 1 AND bool_or(i.owner_id IS NOT NULL));
END;
REVOKE ALL ON FUNCTION tandem_token_sites(), tandem_is_paired_with(text),
    tandem_meets_itself(uuid, uuid) FROM public;
GRANT EXECUTE ON FUNCTION tandem_token_sites(), tandem_is_paired_with(text),
    tandem_meets_itself(uuid, uuid) TO tandem_app;

-- No webhook comes from such a site: its side is searched at least so often, in seconds.
ALTER TABLE search_look ADD COLUMN at_least_every integer CHECK (at_least_every >= 60);
CREATE OR REPLACE FUNCTION tandem_search_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO search_look
            (profile_id, side, left_tenant_id, right_tenant_id, since, looked_at, at_least_every,
             due_at)
        SELECT NEW.id, s.side, NEW.left_tenant_id, NEW.right_tenant_id,
            NEW.created_at, NEW.created_at, s.every,
            CASE WHEN NEW.state = 'on'
                 THEN now() + random() * make_interval(
                    secs => least(NEW.search_seconds, s.every))
                 ELSE 'infinity' END
        FROM (
            SELECT n.side, CASE WHEN i.owner_id IS NOT NULL THEN 60 END AS every
            FROM (VALUES ('left', NEW.left_tenant_id), ('right', NEW.right_tenant_id))
                AS n (side, tenant) JOIN installation i ON i.id = n.tenant) AS s;
    ELSE
        UPDATE search_look
        SET due_at = CASE WHEN NEW.state = 'on' THEN now() ELSE 'infinity' END, attempts = 0
        WHERE profile_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;
