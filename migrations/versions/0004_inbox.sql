-- Conflicts that a person has to decide. A question is about one pair of values: other values make
-- it another question, with another id, so that nobody decides for what he did not see.
CREATE TABLE conflict_question (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    link_id uuid NOT NULL REFERENCES issue_link ON DELETE CASCADE,
    field_key text NOT NULL,
    -- Both values, sealed together; and their fingerprints, to tell whether they are still those.
    held bytea NOT NULL,
    left_mark text NOT NULL,
    right_mark text NOT NULL,
    choice text CHECK (choice IN ('left', 'right', 'leave')),
    asked_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (link_id, field_key)
);
CREATE INDEX ix_conflict_question_profile_id ON conflict_question (profile_id, asked_at);
CREATE INDEX ix_conflict_question_left_tenant_id ON conflict_question (left_tenant_id, id);
ALTER TABLE conflict_question ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON conflict_question TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON conflict_question TO tandem_app;
CREATE TRIGGER seal AFTER INSERT OR UPDATE OF left_tenant_id, held ON conflict_question
    FOR EACH ROW EXECUTE FUNCTION tandem_check_seal('left_tenant_id', 'held');
