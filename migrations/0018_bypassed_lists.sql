-- A request may ask that lists of suppressed addresses do not hold its mail back (mail_settings.bypass_*). Whoever is claimed later
-- must know it without a look at the message. Null for nearly all, and then it takes no room in the row.
ALTER TABLE outbox
    ADD COLUMN bypassed_lists smallint             -- 1 bounces, 2 spam reports, 4 unsubscribes, 8 unsubscribe groups
    CHECK (bypassed_lists BETWEEN 1 AND 15);
