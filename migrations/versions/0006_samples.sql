-- Whether the admins of the other site of a connection may see values of issues of this side while
-- they map. Each side says it for itself, and row security cannot hold that: both sides share the
-- row.
ALTER TABLE connection
    ADD COLUMN left_samples boolean NOT NULL DEFAULT false,
    ADD COLUMN right_samples boolean NOT NULL DEFAULT false;

CREATE FUNCTION tandem_check_samples() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.left_samples OR NEW.right_samples THEN
            RAISE EXCEPTION 'a connection begins without sample values of either side';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.left_samples <> OLD.left_samples
        AND tandem_tenant() IS DISTINCT FROM OLD.left_tenant_id
        OR NEW.right_samples <> OLD.right_samples
        AND tandem_tenant() IS DISTINCT FROM OLD.right_tenant_id
    THEN
        RAISE EXCEPTION 'whether values of a side may be seen is said by that side';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER samples BEFORE INSERT OR UPDATE ON connection
    FOR EACH ROW EXECUTE FUNCTION tandem_check_samples();
