-- How many pairs the next step of a check reads. Where the items of pairs take calls of their own, a
-- step ends before it has looked at all that it read; the next one reads no more than it can use.
ALTER TABLE completeness ADD COLUMN chunk smallint NOT NULL DEFAULT 100
    CHECK (chunk BETWEEN 1 AND 100);
