-- Roles, what a site allows its project admins, and lifecycle tokens that were followed.

CREATE TABLE role_assignment (
    tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    account_id text NOT NULL CHECK (length(account_id) BETWEEN 1 AND 255),
    role text NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id)
);
ALTER TABLE role_assignment ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON role_assignment TO tandem_app USING (tenant_id = tandem_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON role_assignment TO tandem_app;

-- Whether people who administer projects in Jira may map those, without a role of Tandem's own.
ALTER TABLE installation ADD COLUMN project_admins_map boolean NOT NULL DEFAULT false;

-- Lifecycle tokens that were followed, as hashes and for as long as they are good: one that is sent
-- again changes nothing, whatever came between.
CREATE TABLE lifecycle_token (
    tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, digest)
);
ALTER TABLE lifecycle_token ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON lifecycle_token TO tandem_app USING (tenant_id = tandem_tenant());
GRANT SELECT, INSERT, DELETE ON lifecycle_token TO tandem_app;
