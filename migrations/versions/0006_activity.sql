-- The activity is looked up by the key of an issue, of either side.
CREATE INDEX ix_activity_left_key ON activity (left_key, at DESC) WHERE left_key IS NOT NULL;
CREATE INDEX ix_activity_right_key ON activity (right_key, at DESC) WHERE right_key IS NOT NULL;
