-- Items of issues, such as comments, that are kept in step: a source, and the twin that was made of
-- it. Ids, times and keyed fingerprints; no content.
CREATE TABLE item_link (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    link_id uuid NOT NULL REFERENCES issue_link ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,20}$'),
    left_item text CHECK (left_item ~ '^[A-Za-z0-9_-]{1,64}$'),
    right_item text CHECK (right_item ~ '^[A-Za-z0-9_-]{1,64}$'),
    -- The side of the source. None: other profiles made both, and neither is ever written.
    source text CHECK (source IN ('left', 'right')),
    -- What names the very first item on all sites: a hash that says nothing of where it is.
    root text NOT NULL CHECK (root ~ '^[0-9a-f]{1,64}$'),
    -- Where the twin is made: one of the same root is made there once, whichever profile does it.
    target_tenant_id uuid NOT NULL,
    target_issue_id bigint NOT NULL,
    source_mark text NOT NULL DEFAULT '' CHECK (source_mark ~ '^([0-9a-f]{32})?$'),
    twin_mark text NOT NULL DEFAULT '' CHECK (twin_mark ~ '^([0-9a-f]{32})?$'),
    -- `updated` of the states that these fingerprints are of.
    left_seen timestamptz,
    right_seen timestamptz,
    -- The create was sent, and its answer is not stored.
    create_sent_at timestamptz,
    -- Somebody edited the twin since it was written.
    touched boolean NOT NULL DEFAULT false,
    source_gone boolean NOT NULL DEFAULT false,
    twin_gone text CHECK (twin_gone IN ('ours', 'theirs')),
    made_at timestamptz NOT NULL DEFAULT now(),
    CHECK (left_item IS NOT NULL OR right_item IS NOT NULL),
    UNIQUE (link_id, kind, left_item),
    UNIQUE (link_id, kind, right_item)
);
CREATE UNIQUE INDEX ix_item_link_claim
    ON item_link (target_tenant_id, target_issue_id, kind, root)
    WHERE source IS NOT NULL AND twin_gone IS DISTINCT FROM 'ours';
CREATE INDEX ix_item_link_profile ON item_link (profile_id);
ALTER TABLE item_link ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON item_link TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON item_link TO tandem_app;
