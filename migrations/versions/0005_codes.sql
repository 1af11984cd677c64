-- Why a change is set aside: the product's list, and nothing else.
ALTER TABLE parked_cause DROP CONSTRAINT IF EXISTS parked_cause_code_check;
ALTER TABLE parked_cause ADD CONSTRAINT parked_cause_code_check
    CHECK (code IN (
        'field-required', 'field-not-on-screen', 'value-unknown', 'value-unpaired',
        'value-too-long', 'value-malformed', 'text-refused', 'transform-failed',
        'parent-waits', 'parent-unpaired', 'field-refused', 'issue-forbidden',
        'issue-gone', 'issue-too-large', 'workflow', 'move-no-way', 'move-unknown',
        'move-fields', 'move-refused', 'issue-refused', 'create-forbidden',
        'scope-refused', 'create-refused'));
