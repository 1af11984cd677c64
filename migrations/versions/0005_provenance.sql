-- Which side wrote a field last through Tandem, when, by which revision of the profile, and how: ids
-- and times, no content and no names. Kept as long as the pair is.
CREATE TABLE provenance (
    link_id uuid NOT NULL REFERENCES issue_link ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    -- The side that was written to, and whose value it was: null where an undo took it from the past.
    side text NOT NULL CHECK (side IN ('left', 'right')),
    field_key text NOT NULL,
    source text CHECK (source IN ('left', 'right')),
    revision integer NOT NULL,
    how text NOT NULL
        CHECK (how IN ('change', 'load', 'apply', 'undo', 'put-back', 'conflict')),
    -- The issue was made with it.
    made boolean NOT NULL,
    run_id uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (link_id, side, field_key),
    CHECK ((source IS NULL) = (how = 'undo'))
);
ALTER TABLE provenance ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON provenance TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON provenance TO tandem_app;

-- What is noted before a write, so that one whose worker died is known by more than its value.
ALTER TABLE written ADD COLUMN revision integer;
ALTER TABLE written ADD COLUMN won boolean NOT NULL DEFAULT false;
-- The newest note of a field is the one that is asked for.
DROP INDEX ix_written_link;
CREATE INDEX ix_written_link ON written (link_id, side, field_key, id);
