-- Where a process that could not commit tries again and again: with room for a mail, not in a row that is there. A row changed in place
-- goes through on a full disk.
CREATE TABLE store_probe_room (octets bytea NOT NULL);
ALTER TABLE store_probe_room ALTER COLUMN octets SET STORAGE EXTERNAL;
DROP TABLE store_probe;
