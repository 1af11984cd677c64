-- Pairs that stand still: an issue of theirs is outside the filter of its side. Which side's, and
-- when that was last looked at apart from any event; null: it is to be looked at first.
ALTER TABLE issue_link
    ADD COLUMN outside text CHECK (outside IN ('left', 'right', 'both')),
    ADD COLUMN outside_checked_at timestamptz;
CREATE INDEX ix_issue_link_outside ON issue_link (profile_id, outside_checked_at NULLS FIRST)
    WHERE outside IS NOT NULL;

-- How many pairs a check of the whole scope found standing still.
ALTER TABLE completeness ADD COLUMN still bigint NOT NULL DEFAULT 0;

-- Another revision may have another filter: the pairs that stand still are looked at anew, at once,
-- and what waited for a filter that could be understood is tried.
CREATE FUNCTION tandem_revision_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE issue_link SET outside_checked_at = NULL
    WHERE profile_id = NEW.id AND outside IS NOT NULL;
    UPDATE change SET not_before = now()
    WHERE profile_id = NEW.id AND reason = 'filter-refused' AND NOT parked;
    UPDATE search_look SET due_at = now(), attempts = 0
    WHERE profile_id = NEW.id AND due_at < 'infinity';
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tandem_revision_follows() FROM public;
CREATE TRIGGER revision_follows AFTER UPDATE OF revision ON profile
    FOR EACH ROW WHEN (OLD.revision <> NEW.revision) EXECUTE FUNCTION tandem_revision_follows();
