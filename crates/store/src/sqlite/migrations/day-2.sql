-- The place in the journal that was kept with the last append whose new things lie here: in the transaction of the
-- counters, so that a kill between this file and meta.db cannot make anything be counted twice.
CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, value TEXT NOT NULL);
