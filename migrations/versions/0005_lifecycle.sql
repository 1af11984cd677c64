-- What a webhook said of an issue as a whole. That it is not found any more tells nothing by itself:
-- it may be hidden. Undone: Tandem deleted it to undo what had made it.
ALTER TABLE issue_link ADD COLUMN left_told text
    CHECK (left_told IN ('deleted', 'archived', 'undone'));
ALTER TABLE issue_link ADD COLUMN right_told text
    CHECK (right_told IN ('deleted', 'archived', 'undone'));

-- Issues whose pair was ended: they get no twin by themselves, nor are they paired again.
CREATE TABLE unlinked (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    side text NOT NULL CHECK (side IN ('left', 'right')),
    issue_id bigint NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    why text NOT NULL CHECK (why IN ('deleted', 'moved', 'archived')),
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (profile_id, side, issue_id)
);
ALTER TABLE unlinked ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON unlinked TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON unlinked TO tandem_app;
