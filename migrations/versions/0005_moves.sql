-- A move through several statuses that is under way: by mapping key the side, and the keyed
-- fingerprints of the statuses between. Whoever finds the issue in one of them goes on from there.
ALTER TABLE issue_link ADD COLUMN moving jsonb;
