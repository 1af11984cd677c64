-- Which data keys are in use; a retired one seals nothing more.

-- The key version in a sealed value's header; NULL for what was not sealed.
CREATE FUNCTION tandem_key_version(sealed bytea) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN octet_length(sealed) >= 31 AND get_byte(substring(sealed FROM 1 FOR 3), 0) = 1
        THEN get_byte(substring(sealed FROM 1 FOR 3), 1) * 256
           + get_byte(substring(sealed FROM 1 FOR 3), 2)
    END;

-- What a transaction that seals with a version shares, and the one that retires it has alone.
CREATE FUNCTION tandem_data_key_lock(tenant uuid, version integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended('tandem:data-key:' || tenant::text || ':' || version::text, 0);

-- On every sealed column: notes the version as in use, and refuses a retired one. Arguments: the
-- column of the tenant whose key seals, and the sealed column. A value that was sealed before the
-- retirement and arrives after it would have no key; the caller seals it again, with the new one.
CREATE FUNCTION tandem_check_seal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    tenant uuid;
    used integer;
    found text;
BEGIN
    EXECUTE format('SELECT ($1).%I, tandem_key_version(($1).%I)', TG_ARGV[0], TG_ARGV[1])
        INTO tenant, used USING NEW;
    IF used IS NULL THEN
        RETURN NULL;
    END IF;
    -- The lock comes before the look: each statement here sees what was committed before it.
    PERFORM pg_advisory_xact_lock_shared(tandem_data_key_lock(tenant, used));
    SELECT k.state INTO found FROM data_key k WHERE k.tenant_id = tenant AND k.version = used;
    IF found IS NULL THEN
        INSERT INTO data_key (tenant_id, version, state) VALUES (tenant, used, 'active')
        ON CONFLICT DO NOTHING;
    ELSIF found = 'retired' THEN
        RAISE EXCEPTION '%.%: data key version % of this tenant is retired',
            TG_TABLE_NAME, TG_ARGV[1], used
            USING ERRCODE = 'TK001', HINT = 'Seal the value again: the newest version is taken.';
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tandem_check_seal() FROM public;

CREATE TRIGGER seal AFTER INSERT OR UPDATE OF id, shared_secret ON installation
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('id', 'shared_secret');
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, document ON profile_revision
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'document');
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, detail ON activity
    FOR EACH ROW WHEN (NEW.detail IS NOT NULL)
    EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'detail');

-- Rotation walks a tenant's entries in this order, and looks for any that is left.
CREATE INDEX ix_activity_left_tenant_id ON activity (left_tenant_id, id);

-- What was sealed before this migration.
INSERT INTO data_key (tenant_id, version, state)
SELECT tenant, version, 'active'
FROM (
    SELECT id, tandem_key_version(shared_secret) FROM installation
    UNION
    SELECT left_tenant_id, tandem_key_version(document) FROM profile_revision
    UNION
    SELECT left_tenant_id, tandem_key_version(detail) FROM activity
) AS used (tenant, version)
WHERE version IS NOT NULL
ON CONFLICT DO NOTHING;

-- Which keys must the key store have? Asked at the start, before any tenant is known: it tells a
-- lost or exchanged key store from one of a new server. Ids and numbers, nothing sealed. Once the
-- audit trail has begun, the server's own derivation root (zero id, version 0) is needed too.
CREATE FUNCTION tandem_key_needs() RETURNS TABLE (tenant_id uuid, version integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT k.tenant_id, k.version FROM data_key k WHERE k.state <> 'retired'
    UNION ALL
    SELECT '00000000-0000-0000-0000-000000000000', 0
    WHERE EXISTS (SELECT FROM audit_event);
END;
REVOKE ALL ON FUNCTION tandem_key_needs() FROM public;
GRANT EXECUTE ON FUNCTION tandem_key_needs() TO tandem_app;
