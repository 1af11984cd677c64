-- For how many days a site keeps what changed, the details of its activity; 0: they are not stored.
-- An entry is of two sites, and goes by the one that keeps less. Its row stays.
ALTER TABLE installation ADD COLUMN detail_days integer NOT NULL DEFAULT 14
    CHECK (detail_days BETWEEN 0 AND 36500);

CREATE FUNCTION tandem_keep_no_detail() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM installation i
        WHERE i.id IN (NEW.left_tenant_id, NEW.right_tenant_id) AND i.detail_days = 0)
    THEN
        NEW.detail := NULL;
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION tandem_keep_no_detail() FROM public;
CREATE TRIGGER keep BEFORE INSERT ON activity
    FOR EACH ROW WHEN (NEW.detail IS NOT NULL) EXECUTE FUNCTION tandem_keep_no_detail();

-- For how many days the details of a profile's entries are kept. For the tenants of the profile.
CREATE FUNCTION tandem_detail_days(profile uuid) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT min(i.detail_days) FROM profile p
    JOIN installation i ON i.id IN (p.left_tenant_id, p.right_tenant_id)
    WHERE p.id = profile AND tandem_tenant() IN (p.left_tenant_id, p.right_tenant_id);
END;

-- What is older goes by so many rows at a time. Of each profile the index below has the oldest
-- first, so one with nothing to delete costs one look.
CREATE FUNCTION tandem_forget_details(most integer, most_days integer) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        UPDATE activity SET detail = NULL WHERE id IN (
            SELECT old.id FROM profile p
            JOIN installation l ON l.id = p.left_tenant_id
            JOIN installation r ON r.id = p.right_tenant_id
            CROSS JOIN LATERAL (
                SELECT a.id FROM activity a
                WHERE a.profile_id = p.id AND a.detail IS NOT NULL
                  AND a.at < now() - make_interval(
                      days => least(l.detail_days, r.detail_days, most_days))
                ORDER BY a.at LIMIT most FOR UPDATE SKIP LOCKED) AS old
            LIMIT most)
        RETURNING 1)
    SELECT count(*) FROM gone;
END;
CREATE INDEX ix_activity_detail ON activity (profile_id, at) WHERE detail IS NOT NULL;

REVOKE ALL ON FUNCTION tandem_detail_days(uuid), tandem_forget_details(integer, integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_detail_days(uuid), tandem_forget_details(integer, integer)
    TO tandem_app;
