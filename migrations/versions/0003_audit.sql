-- The audit trail. One chain of events for each tenant, and one for the server itself (the zero
-- id). It refers to no other table: the trail outlives the tenant.
CREATE TABLE audit_event (
    chain uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 1),
    at timestamptz NOT NULL CHECK (isfinite(at)),
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 128),
    action text NOT NULL CHECK (length(action) BETWEEN 1 AND 64),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    origin jsonb NOT NULL CHECK (jsonb_typeof(origin) = 'object'),
    detail jsonb NOT NULL CHECK (jsonb_typeof(detail) = 'object'),
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    mac bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (chain, seq)
);

-- The newest event of each chain: without it, nobody would miss a tail that was cut off.
CREATE TABLE audit_head (
    chain uuid PRIMARY KEY,
    seq bigint NOT NULL,
    mac bytea NOT NULL CHECK (octet_length(mac) = 32)
);

-- Append-only, for the owner of the tables too. A superuser can switch triggers off; what he does
-- then, `tandem audit verify` finds by the keyed chain.
CREATE FUNCTION tandem_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP;
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION tandem_audit_refuse();
-- Also where no row is hit, so that row security cannot make a try look harmless.
CREATE TRIGGER append_only_whole BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION tandem_audit_refuse();
CREATE TRIGGER append_only_whole BEFORE DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION tandem_audit_refuse();
-- ALWAYS: session_replication_role does not switch these off.
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER append_only_whole;
ALTER TABLE audit_head ENABLE ALWAYS TRIGGER append_only_whole;

-- An event is the next one of its chain, or it is refused: no chain forks, whoever races.
CREATE FUNCTION tandem_audit_advance() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE audit_head SET seq = NEW.seq, mac = NEW.mac
    WHERE chain = NEW.chain AND seq = NEW.seq - 1 AND mac = NEW.previous;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'audit_event: this is not the next event of its chain';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER advance AFTER INSERT ON audit_event
    FOR EACH ROW EXECUTE FUNCTION tandem_audit_advance();

-- A head begins at nothing and moves by one, to an event that is there.
CREATE FUNCTION tandem_audit_head_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.seq = 0 AND NEW.mac = decode(repeat('00', 32), 'hex') THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.chain = OLD.chain AND NEW.seq = OLD.seq + 1 AND EXISTS (
        SELECT FROM audit_event e
        WHERE e.chain = NEW.chain AND e.seq = NEW.seq AND e.mac = NEW.mac)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_head: it only moves on by one, to the event that was added';
END
$$;
CREATE TRIGGER moves BEFORE INSERT OR UPDATE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION tandem_audit_head_moves();

-- The product adds events and reads those of its tenant. It cannot touch a head by itself.
GRANT SELECT, INSERT ON audit_event TO tandem_app;
GRANT SELECT ON audit_head TO tandem_app;

-- The server's own chain is visible to no tenant, and written only where no tenant is set.
ALTER TABLE audit_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_reads ON audit_event FOR SELECT TO tandem_app
    USING (chain = tandem_tenant() AND chain <> '00000000-0000-0000-0000-000000000000');
CREATE POLICY own_chain ON audit_event FOR INSERT TO tandem_app
    WITH CHECK (CASE WHEN chain = '00000000-0000-0000-0000-000000000000'
                     THEN tandem_tenant() IS NULL
                     ELSE chain = tandem_tenant() END);
ALTER TABLE audit_head ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_reads ON audit_head FOR SELECT TO tandem_app
    USING (chain = tandem_tenant() AND chain <> '00000000-0000-0000-0000-000000000000');

-- Lock the head of the transaction's chain (made if need be): what the next event follows, the
-- database's clock, and whether there is any event yet in any chain.
CREATE FUNCTION tandem_audit_head()
    RETURNS TABLE (chain uuid, seq bigint, mac bytea, at timestamptz, first boolean)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    INSERT INTO audit_head (chain, seq, mac)
    VALUES (coalesce(tandem_tenant(), '00000000-0000-0000-0000-000000000000'),
            0, decode(repeat('00', 32), 'hex'))
    ON CONFLICT DO NOTHING;
    SELECT h.chain, h.seq, h.mac, clock_timestamp(), NOT EXISTS (SELECT FROM audit_event)
    FROM audit_head h
    WHERE h.chain = coalesce(tandem_tenant(), '00000000-0000-0000-0000-000000000000')
    FOR UPDATE OF h;
END;
REVOKE ALL ON FUNCTION tandem_audit_head() FROM public;
GRANT EXECUTE ON FUNCTION tandem_audit_head() TO tandem_app;
