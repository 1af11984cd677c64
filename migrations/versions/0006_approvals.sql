-- Two keys: what leaves a site is approved there. A profile that the partner has not approved yet
-- carries nothing.
ALTER TABLE profile DROP CONSTRAINT profile_state_check;
ALTER TABLE profile ADD CONSTRAINT ck_profile_state
    CHECK (state IN ('on', 'paused', 'proposed'));

-- The newest revision that each side has approved, of those that came in force.
CREATE TABLE profile_approval (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    side text NOT NULL CHECK (side IN ('left', 'right')),
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    revision integer NOT NULL,
    -- An account id of the side's site, or operator.
    approved_by text NOT NULL,
    approved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (profile_id, side)
);

-- Revisions that had to wait for a side, and what became of them. One waits at most.
CREATE TABLE profile_proposal (
    profile_id uuid NOT NULL REFERENCES profile ON DELETE CASCADE,
    number integer NOT NULL,
    left_tenant_id uuid NOT NULL,
    right_tenant_id uuid NOT NULL,
    awaits text NOT NULL CHECK (awaits IN ('left', 'right')),
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT now(),
    outcome text CHECK (outcome IN ('approved', 'declined', 'replaced')),
    decided_by text,
    decided_at timestamptz,
    PRIMARY KEY (profile_id, number),
    CHECK ((outcome IS NULL) = (decided_at IS NULL))
);
CREATE UNIQUE INDEX ux_profile_proposal_waits ON profile_proposal (profile_id)
    WHERE outcome IS NULL;

ALTER TABLE profile_approval ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile_proposal ENABLE ROW LEVEL SECURITY;
CREATE POLICY either_side ON profile_approval TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
CREATE POLICY either_side ON profile_proposal TO tandem_app
    USING (tandem_tenant() IN (left_tenant_id, right_tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON profile_approval, profile_proposal TO tandem_app;

-- What is there before this was agreed to under the rules of its time.
INSERT INTO profile_approval
    (profile_id, side, left_tenant_id, right_tenant_id, revision, approved_by, approved_at)
SELECT p.id, s.side, p.left_tenant_id, p.right_tenant_id, p.revision, 'operator', now()
FROM profile p, (VALUES ('left'), ('right')) AS s (side);
