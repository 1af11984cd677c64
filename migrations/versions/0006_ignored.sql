-- Somebody does not want to see a parked change any more: it stays aside, and is neither counted nor
-- asked again, until the value that was refused changes. What is refused of a whole issue comes back
-- with the next change of the issue.
ALTER TABLE parked_cause ADD COLUMN ignored_at timestamptz;
CREATE INDEX ix_parked_cause_ignored ON parked_cause (profile_id, side, issue_id)
    WHERE ignored_at IS NOT NULL;

-- Whether a parked change is out of sight: all of its causes are ignored.
CREATE FUNCTION tandem_is_ignored(profile uuid, row_side text, row_issue bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY INVOKER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM parked_cause p WHERE p.profile_id = profile AND p.side = row_side
            AND p.issue_id = row_issue AND p.ignored_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM parked_cause p WHERE p.profile_id = profile
            AND p.side = row_side AND p.issue_id = row_issue AND p.ignored_at IS NULL);
END;

-- As before, but for those that are ignored: a group that has no others rests for a day.
CREATE OR REPLACE FUNCTION tandem_probe_parked(most integer)
    RETURNS TABLE (profile_id uuid, lane smallint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH due AS (
        SELECT g.profile_id, g.at_side, g.code, g.field
        FROM parked_group g JOIN profile p ON p.id = g.profile_id
        WHERE g.next_probe <= now() AND p.state = 'on'
        ORDER BY g.next_probe LIMIT most FOR UPDATE OF g SKIP LOCKED
    ), picked AS (
        SELECT d.*, x.id, x.side, x.issue_id FROM due d CROSS JOIN LATERAL (
            SELECT pc.id, pc.side, pc.issue_id
            FROM parked_cause pc
            JOIN change c ON c.profile_id = pc.profile_id AND c.side = pc.side
                AND c.issue_id = pc.issue_id
            WHERE pc.profile_id = d.profile_id AND pc.at_side = d.at_side AND pc.code = d.code
                AND pc.field = d.field AND pc.ignored_at IS NULL AND c.parked
            ORDER BY pc.asked_at LIMIT 1 FOR UPDATE OF c SKIP LOCKED) AS x
    ), put_off AS (
        UPDATE parked_group g
        SET tries = least(g.tries + 1, 1000), next_probe = now()
            + least(interval '1 day', interval '1 hour' * 2 ^ least(g.tries + 1, 5))
        FROM picked d
        WHERE (g.profile_id, g.at_side, g.code, g.field)
            = (d.profile_id, d.at_side, d.code, d.field)
    ), rested AS (
        UPDATE parked_group g SET next_probe = now() + interval '1 day' FROM due d
        WHERE (g.profile_id, g.at_side, g.code, g.field)
            = (d.profile_id, d.at_side, d.code, d.field)
          AND EXISTS (SELECT FROM parked_cause pc WHERE pc.profile_id = d.profile_id
            AND pc.at_side = d.at_side AND pc.code = d.code AND pc.field = d.field)
          AND NOT EXISTS (SELECT FROM parked_cause pc WHERE pc.profile_id = d.profile_id
            AND pc.at_side = d.at_side AND pc.code = d.code AND pc.field = d.field
            AND pc.ignored_at IS NULL)
    ), emptied AS (
        DELETE FROM parked_group g USING due d
        WHERE (g.profile_id, g.at_side, g.code, g.field)
            = (d.profile_id, d.at_side, d.code, d.field)
          AND NOT EXISTS (SELECT FROM parked_cause pc WHERE pc.profile_id = d.profile_id
            AND pc.at_side = d.at_side AND pc.code = d.code AND pc.field = d.field)
    ), asked AS (
        UPDATE parked_cause pc SET ask = 'probe', asked_at = now() FROM picked d
        WHERE pc.id = d.id
    )
    UPDATE change c
    SET parked = false, retried = true, reason = 'retry', attempts = 0, event_updated = NULL,
        not_before = now(), version = c.version + 1
    FROM (SELECT DISTINCT d.profile_id, d.side, d.issue_id FROM picked d) AS one
    WHERE c.profile_id = one.profile_id AND c.side = one.side AND c.issue_id = one.issue_id
    RETURNING c.profile_id, c.lane;
END;
