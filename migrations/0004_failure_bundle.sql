-- The failure bundle of an attempt: its object's key in the work bucket. Null: the attempt did not
-- fail, or has none. The object is deleted with the render's other work objects
-- (loom.plans.swept_at says when).
alter table loom.attempts add column if not exists bundle_key text;
