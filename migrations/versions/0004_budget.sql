-- What each site lets us spend, one budget for all workers. A code says why work waits; the site's
-- own words are never kept.
CREATE TABLE site_budget (
    tenant_id uuid PRIMARY KEY REFERENCES installation ON DELETE CASCADE,
    -- The site asked for patience, or failed, until then.
    blocked_until timestamptz,
    code text CHECK (code IN ('rate', 'burst', 'points', 'failing', 'unreachable')),
    strikes smallint NOT NULL DEFAULT 0,
    -- What the site told of its points, and until when it counts as nearly out of them.
    points_an_hour integer,
    points_left integer,
    near_until timestamptz,
    told_at timestamptz,
    -- Background work's own share: what it spent, drained as time goes by.
    spent double precision NOT NULL DEFAULT 0,
    spent_at timestamptz NOT NULL DEFAULT now(),
    -- The site does not let us in at all: no call but the one that asks whether it does again.
    paused_since timestamptz,
    paused_code text CHECK (paused_code IN ('unknown', 'forbidden')),
    tries smallint NOT NULL DEFAULT 0,
    asked_at timestamptz,
    next_try timestamptz,
    -- By how many seconds the site's clock was found ahead of ours, and when; null where they agree.
    clock_ahead real,
    clock_told_at timestamptz,
    CHECK ((clock_ahead IS NULL) = (clock_told_at IS NULL)),
    CHECK ((paused_since IS NULL) = (paused_code IS NULL)),
    CHECK ((paused_since IS NULL) = (next_try IS NULL))
);
CREATE INDEX ix_site_budget_paused ON site_budget (next_try) WHERE paused_since IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON site_budget TO tandem_app;
ALTER TABLE site_budget ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON site_budget TO tandem_app USING (tenant_id = tandem_tenant());

-- May a profile call its two sites? Gives a row only for one that must wait or failed last time.
-- Either partner may ask it of the other: a drain needs both.
CREATE FUNCTION tandem_site_holds(one uuid, other uuid)
    RETURNS TABLE (
        tenant_id uuid, seconds double precision, code text, paused boolean, strikes smallint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT b.tenant_id,
        greatest(0, extract(epoch FROM b.blocked_until - now()))::double precision,
        coalesce(b.paused_code, b.code), b.paused_since IS NOT NULL, b.strikes
    FROM site_budget b
    WHERE b.tenant_id IN (one, other)
      AND (b.paused_since IS NOT NULL OR b.blocked_until > now() OR b.strikes > 0)
      AND tandem_tenant() IN (one, other)
      AND EXISTS (
        SELECT FROM connection c
        WHERE (c.left_tenant_id, c.right_tenant_id) IN ((one, other), (other, one)));
END;

-- Take the paused sites whose turn it is to be asked, each for one worker: the waits grow from 30
-- seconds to 15 minutes. One whose installation changed since is asked at once.
CREATE FUNCTION tandem_take_paused(most integer) RETURNS SETOF uuid
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    UPDATE site_budget b
    SET tries = least(b.tries + 1, 1000), asked_at = now(),
        next_try = now() + make_interval(secs => least(900, 30 * 2 ^ least(b.tries + 1, 5)))
    WHERE b.tenant_id IN (
        SELECT p.tenant_id FROM site_budget p JOIN installation i ON i.id = p.tenant_id
        WHERE p.paused_since IS NOT NULL AND i.state = 'enabled'
          AND (p.next_try <= now() OR i.updated_at > p.asked_at)
        ORDER BY p.next_try LIMIT most FOR UPDATE OF p SKIP LOCKED)
    RETURNING b.tenant_id;
END;

REVOKE ALL ON FUNCTION tandem_site_holds(uuid, uuid) FROM public;
REVOKE ALL ON FUNCTION tandem_take_paused(integer) FROM public;
GRANT EXECUTE ON FUNCTION tandem_site_holds(uuid, uuid), tandem_take_paused(integer) TO tandem_app;
