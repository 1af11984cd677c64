-- What somebody began to say of a profile and did not save yet. His alone: sealed, and in nobody
-- else's reach.
CREATE TABLE draft (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES installation ON DELETE CASCADE,
    account_id text NOT NULL CHECK (length(account_id) BETWEEN 1 AND 255),
    -- The profile that is edited, and the newest revision when that began. NULL: a new profile.
    profile_id uuid REFERENCES profile ON DELETE CASCADE,
    base_revision integer,
    -- Which side of the profile is the tenant's own.
    side text NOT NULL CHECK (side IN ('left', 'right')),
    document bytea NOT NULL,
    -- It grows with each save: a save that saw an older one is refused.
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((profile_id IS NULL) = (base_revision IS NULL)),
    CHECK (profile_id IS NOT NULL OR side = 'left')
);
CREATE UNIQUE INDEX ux_draft_profile_id ON draft (profile_id, tenant_id, account_id)
    WHERE profile_id IS NOT NULL;
CREATE INDEX ix_draft_tenant_id ON draft (tenant_id, id);
CREATE INDEX ix_draft_updated_at ON draft (updated_at);
ALTER TABLE draft ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON draft TO tandem_app USING (tenant_id = tandem_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON draft TO tandem_app;
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF tenant_id, document ON draft
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('tenant_id', 'document');

-- Forget the drafts that nobody changed for 30 days, so many at a time.
CREATE FUNCTION tandem_forget_drafts(most integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM draft WHERE id IN (
            SELECT d.id FROM draft d WHERE d.updated_at < now() - interval '30 days'
            ORDER BY d.updated_at LIMIT most)
        RETURNING 1)
    SELECT count(*) FROM gone;
END;
REVOKE ALL ON FUNCTION tandem_forget_drafts(integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_forget_drafts(integer) TO tandem_app;
