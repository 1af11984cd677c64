-- Which value, or which person, of one site was found to be which of the other: ids alone.
CREATE TABLE value_pair (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    -- The key of the field mapping; empty for people, who are the same in all fields.
    field_key text NOT NULL,
    left_id text NOT NULL,
    right_id text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (profile_id, field_key, left_id, right_id)
);
CREATE INDEX ix_value_pair_right ON value_pair (profile_id, field_key, right_id);
ALTER TABLE value_pair ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON value_pair TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON value_pair TO tandem_app;

-- Texts name issues by their keys, on either site.
CREATE INDEX ix_issue_link_left_key ON issue_link (left_tenant_id, left_key);
CREATE INDEX ix_issue_link_right_key ON issue_link (right_tenant_id, right_key);
