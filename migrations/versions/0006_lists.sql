-- How many pairs each profile of the tenant has. Whose they are is asked once for a profile and not
-- for each of its pairs, and the pairs are counted in an index: the list is asked for every 2 s.
CREATE INDEX ix_issue_link_pairs ON issue_link (profile_id)
    WHERE left_issue_id IS NOT NULL AND right_issue_id IS NOT NULL;

CREATE FUNCTION tandem_linked()
    RETURNS TABLE (profile_id uuid, linked bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT k.profile_id, count(*)
    FROM issue_link k
    WHERE k.left_issue_id IS NOT NULL AND k.right_issue_id IS NOT NULL
      AND k.profile_id IN (
          SELECT p.id FROM profile p
          WHERE tandem_tenant() IN (p.left_tenant_id, p.right_tenant_id))
    GROUP BY k.profile_id;
END;
REVOKE ALL ON FUNCTION tandem_linked() FROM public;
GRANT EXECUTE ON FUNCTION tandem_linked() TO tandem_app;
