-- The parent that a change waits for: whose site it is on, and its issue there. Once that issue has
-- a twin the change is due.
ALTER TABLE change ADD COLUMN awaits_tenant uuid;
ALTER TABLE change ADD COLUMN awaits_issue bigint;
ALTER TABLE change ADD CONSTRAINT ck_change_awaits
    CHECK ((awaits_tenant IS NULL) = (awaits_issue IS NULL));
CREATE INDEX ix_change_awaits ON change (awaits_tenant, awaits_issue)
    WHERE awaits_issue IS NOT NULL;
