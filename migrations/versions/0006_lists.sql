-- How many pairs some profiles of the tenant have. Whose they are is asked once for a profile and
-- not for each of its pairs, and the pairs are counted in an index: the list is asked for every 2 s.
CREATE INDEX ix_issue_link_pairs ON issue_link (profile_id)
    WHERE left_issue_id IS NOT NULL AND right_issue_id IS NOT NULL;

CREATE FUNCTION tandem_linked(wanted uuid[])
    RETURNS TABLE (profile_id uuid, linked bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT p.id, (
        SELECT count(*) FROM issue_link k
        WHERE k.profile_id = p.id AND k.left_issue_id IS NOT NULL AND k.right_issue_id IS NOT NULL)
    FROM profile p
    WHERE p.id = ANY (wanted) AND tandem_tenant() IN (p.left_tenant_id, p.right_tenant_id);
END;
REVOKE ALL ON FUNCTION tandem_linked(uuid[]) FROM public;
GRANT EXECUTE ON FUNCTION tandem_linked(uuid[]) TO tandem_app;
