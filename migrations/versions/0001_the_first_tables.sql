-- The role that the product runs as: no login of its own, owns nothing, cannot bypass security.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tandem_app') THEN
        CREATE ROLE tandem_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration was first
END
$$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'tandem_app', 'MEMBER') THEN
        EXECUTE format('GRANT tandem_app TO %I', current_user);
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO tandem_app;

-- The tenant of the running transaction; NULL (no rows at all) where none was set.
CREATE FUNCTION tandem_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('tandem.tenant', true), '')::uuid;

CREATE TABLE installation (
    id uuid PRIMARY KEY,
    client_key text NOT NULL UNIQUE CHECK (length(client_key) BETWEEN 1 AND 255),
    app_key text NOT NULL,
    cloud_id text,
    base_url text NOT NULL,
    display_url text,
    state text NOT NULL CHECK (state IN ('installed', 'enabled', 'disabled', 'uninstalled')),
    shared_secret bytea,
    secret_version integer NOT NULL DEFAULT 1,
    -- When the newest lifecycle token that was followed had been issued: an older one that is
    -- sent again must not bring back a dead secret.
    lifecycle_at timestamptz NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    uninstalled_at timestamptz,
    -- An uninstalled site's secret is gone; the others have one.
    CHECK ((shared_secret IS NULL) = (state = 'uninstalled'))
);

CREATE TABLE data_key (
    tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'retiring', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, version)
);

CREATE TABLE pairing_code (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    code_hash bytea NOT NULL UNIQUE,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    used_by_tenant_id uuid
);
CREATE INDEX ix_pairing_code_tenant_id ON pairing_code (tenant_id);

CREATE TABLE connection (
    id uuid PRIMARY KEY,
    left_tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    right_tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (left_tenant_id <> right_tenant_id),
    UNIQUE (left_tenant_id, right_tenant_id)
);
CREATE INDEX ix_connection_right ON connection (right_tenant_id);

CREATE TABLE profile (
    id uuid PRIMARY KEY,
    connection_id uuid NOT NULL REFERENCES connection ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    right_tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    state text NOT NULL CHECK (state IN ('on', 'paused')),
    reason text,
    left_project_id bigint NOT NULL,
    left_type_id bigint NOT NULL,
    right_project_id bigint NOT NULL,
    right_type_id bigint NOT NULL,
    revision integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (left_tenant_id <> right_tenant_id)
);
-- A webhook finds its profiles by these.
CREATE INDEX ix_profile_left ON profile (left_tenant_id, left_project_id, left_type_id);
CREATE INDEX ix_profile_right ON profile (right_tenant_id, right_project_id, right_type_id);

CREATE TABLE profile_revision (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    number integer NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    document bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (profile_id, number)
);

CREATE TABLE issue_link (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    left_issue_id bigint,
    right_issue_id bigint,
    left_key text,
    right_key text,
    lane smallint NOT NULL,
    base jsonb NOT NULL DEFAULT '{}',
    left_seen timestamptz,
    right_seen timestamptz,
    create_sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    synced_at timestamptz,
    CHECK (left_issue_id IS NOT NULL OR right_issue_id IS NOT NULL),
    -- One issue has one twin within a profile, whatever races.
    UNIQUE (profile_id, left_issue_id),
    UNIQUE (profile_id, right_issue_id)
);

CREATE TABLE change (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    side text NOT NULL CHECK (side IN ('left', 'right')),
    issue_id bigint NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    lane smallint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    event_updated timestamptz,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT now(),
    attempts smallint NOT NULL DEFAULT 0,
    reason text,
    parked boolean NOT NULL DEFAULT false,
    PRIMARY KEY (profile_id, side, issue_id)
) WITH (fillfactor = 70);
CREATE INDEX ix_change_due ON change (profile_id, lane, not_before) WHERE NOT parked;

CREATE TABLE activity (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    left_key text,
    right_key text,
    outcome text NOT NULL,
    written integer NOT NULL DEFAULT 0,
    conflicts integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT now(),
    detail bytea
);
CREATE INDEX ix_activity_profile_at ON activity (profile_id, at DESC);
CREATE INDEX ix_activity_at ON activity (at);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    installation, data_key, pairing_code, connection, profile, profile_revision, issue_link,
    change, activity
TO tandem_app;
-- `tandem doctor` and /readyz compare the database's revision with the code's.
GRANT SELECT ON alembic_version TO tandem_app;

-- Row-level security: a table of one tenant, and tables that both partners of a profile share.
ALTER TABLE installation ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON installation TO tandem_app USING (id = tandem_tenant());
ALTER TABLE data_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON data_key TO tandem_app USING (tenant_id = tandem_tenant());
ALTER TABLE pairing_code ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON pairing_code TO tandem_app USING (tenant_id = tandem_tenant());

DO $$
DECLARE
    shared text;
BEGIN
    FOREACH shared IN ARRAY ARRAY[
        'connection', 'profile', 'profile_revision', 'issue_link', 'change', 'activity']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', shared);
        EXECUTE format(
            'CREATE POLICY either_side ON %I TO tandem_app '
            'USING (tandem_tenant() IN (left_tenant_id, right_tenant_id))', shared);
    END LOOP;
END
$$;

-- The narrow doors through row security. Each gives what its one caller needs, and no more.

-- Who signs this token? Called before a tenant is known.
CREATE FUNCTION tandem_find_installation(wanted text)
    RETURNS TABLE (id uuid, state text, base_url text, shared_secret bytea, secret_version integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT i.id, i.state, i.base_url, i.shared_secret, i.secret_version
    FROM installation i WHERE i.client_key = wanted;
END;

-- Take a pairing code, once: gives the tenant that made it, or nothing for a wrong, used, expired
-- or own code. Both admins have then agreed: one by the code, the other by using it.
CREATE FUNCTION tandem_claim_pairing_code(hash bytea) RETURNS uuid
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    UPDATE pairing_code c
    SET used_at = now(), used_by_tenant_id = tandem_tenant()
    FROM installation i
    WHERE c.code_hash = hash AND c.used_at IS NULL AND c.expires_at > now()
      AND i.id = c.tenant_id AND i.state = 'enabled'
      AND c.tenant_id <> tandem_tenant()
    RETURNING c.tenant_id;
END;

-- Which lanes have work that is due? For the sweep that rings lost bells.
CREATE FUNCTION tandem_due_lanes(most integer)
    RETURNS TABLE (profile_id uuid, lane smallint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT c.profile_id, c.lane
    FROM change c JOIN profile p ON p.id = c.profile_id
    WHERE NOT c.parked AND c.not_before <= now() AND p.state = 'on'
    GROUP BY c.profile_id, c.lane
    ORDER BY min(c.first_at)
    LIMIT most;
END;

-- Whose is this profile? A job carries only the profile's id.
CREATE FUNCTION tandem_profile_tenants(wanted uuid)
    RETURNS TABLE (left_tenant_id uuid, right_tenant_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT p.left_tenant_id, p.right_tenant_id FROM profile p WHERE p.id = wanted;
END;

REVOKE ALL ON FUNCTION tandem_find_installation(text) FROM public;
REVOKE ALL ON FUNCTION tandem_claim_pairing_code(bytea) FROM public;
REVOKE ALL ON FUNCTION tandem_due_lanes(integer) FROM public;
REVOKE ALL ON FUNCTION tandem_profile_tenants(uuid) FROM public;
GRANT EXECUTE ON FUNCTION tandem_find_installation(text), tandem_claim_pairing_code(bytea),
    tandem_due_lanes(integer), tandem_profile_tenants(uuid) TO tandem_app;
