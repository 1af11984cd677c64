-- A site's pause of all its profiles: which ones it paused, so that these alone are resumed by it.
ALTER TABLE profile ADD COLUMN paused_for uuid REFERENCES installation;
