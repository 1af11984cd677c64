-- Edits of twins that a write of ours may have taken the place of. No site keeps a history of
-- comments and worklogs, so what a webhook told of one is kept, sealed, until the pair was visited.
ALTER TABLE item_link ADD COLUMN
    -- Our last writes of the twin, two times each: the `updated` of the state that was read, and
    -- that of our own. Whatever is told of a moment between them was replaced.
    over timestamptz[] NOT NULL DEFAULT '{}' CHECK (cardinality(over) <= 8);

CREATE TABLE item_edit (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    link_id uuid NOT NULL REFERENCES issue_link ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,20}$'),
    -- The side and the id of the twin, and its `updated` by that edit.
    side text NOT NULL CHECK (side IN ('left', 'right')),
    item text NOT NULL CHECK (item ~ '^[A-Za-z0-9_-]{1,64}$'),
    updated timestamptz NOT NULL,
    -- What it said then, sealed; NULL where the webhook did not say or not everybody may see it.
    held bytea,
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (link_id, kind, side, item, updated)
);
CREATE INDEX ix_item_edit_profile_id ON item_edit (profile_id, at);
CREATE INDEX ix_item_edit_left_tenant_id ON item_edit (left_tenant_id, id);
ALTER TABLE item_edit ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON item_edit TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON item_edit TO tandem_app;
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, held ON item_edit
    FOR EACH ROW WHEN (NEW.held IS NOT NULL)
    EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'held');
