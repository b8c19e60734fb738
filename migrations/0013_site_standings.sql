-- Mail sites that answered lately, as the processes that deliver found out: a process that was started anew knows them, and does not let them wait
-- among those of which nothing is known. A row is written once an hour at most while its site answers; it goes when the site answers no more, or
-- was not heard of for a day.
CREATE TABLE site_standings (
    site         text PRIMARY KEY,
    answered_at  timestamptz NOT NULL
);

CREATE INDEX site_standings_answered ON site_standings (answered_at);
