-- What mail hosts offer in EHLO and, when it was used, did not know: for a day mail goes there without it. Written when that is found out,
-- read when a process starts and by "shaping explain". At most some thousands of rows; what is over is removed with the next that is written.
CREATE TABLE host_extensions (
    -- Address and port.
    address  text PRIMARY KEY,
    host     text NOT NULL,
    without  text[] NOT NULL,
    why      text NOT NULL,
    until    timestamptz NOT NULL
);
