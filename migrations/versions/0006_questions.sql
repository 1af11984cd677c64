-- A profile that was edited or resumed decides anew of what waits for a person: a field may have
-- another policy by then, another direction, or be mapped no more. The sweep rings for the pairs.
CREATE FUNCTION tandem_questions_follow() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO change AS c (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,
                             retried, reason)
    SELECT k.profile_id, 'left', k.left_issue_id, k.left_tenant_id, k.right_tenant_id, k.lane,
           true, 'retry'
    FROM issue_link k
    WHERE k.profile_id = NEW.id AND k.left_issue_id IS NOT NULL AND k.right_issue_id IS NOT NULL
      AND EXISTS (SELECT FROM conflict_question q WHERE q.link_id = k.id)
    ORDER BY k.left_issue_id
    -- What a worker has in hand may be decided by the mapping as it was: it is looked at again.
    ON CONFLICT (profile_id, side, issue_id) DO UPDATE
        SET version = c.version + 1, event_updated = NULL;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tandem_questions_follow() FROM public;
CREATE TRIGGER questions_follow AFTER UPDATE OF state, revision ON profile
    FOR EACH ROW
    WHEN (NEW.state = 'on' AND (OLD.state <> NEW.state OR OLD.revision <> NEW.revision))
    EXECUTE FUNCTION tandem_questions_follow();
