-- What a site tells of the fields of a project's issue type: names and values to choose from, which
-- are configuration, so sealed. Kept so that the editor of profiles need not ask each time.
CREATE TABLE scope_fields (
    tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    project_id bigint NOT NULL,
    issue_type_id bigint NOT NULL,
    held bytea NOT NULL,
    read_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, project_id, issue_type_id)
);
CREATE INDEX ix_scope_fields_read_at ON scope_fields (read_at);
ALTER TABLE scope_fields ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON scope_fields TO tandem_app USING (tenant_id = tandem_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON scope_fields TO tandem_app;
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF tenant_id, held ON scope_fields
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('tenant_id', 'held');

-- Forget what was read more than 30 days ago, so many at a time.
CREATE FUNCTION tandem_forget_scope_fields(most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM scope_fields WHERE (tenant_id, project_id, issue_type_id) IN (
            SELECT s.tenant_id, s.project_id, s.issue_type_id FROM scope_fields s
            WHERE s.read_at < now() - interval '30 days' ORDER BY s.read_at LIMIT most)
        RETURNING 1)
    SELECT count(*) FROM gone;
END;
REVOKE ALL ON FUNCTION tandem_forget_scope_fields(integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_forget_scope_fields(integer) TO tandem_app;
