-- Where the failure bundle of an attempt is: its object's key in the work bucket. Null: the attempt did not fail, or has
-- none. The object goes with the render's other work objects (loom.plans.swept_at says when).
alter table loom.attempts add column if not exists bundle_key text;
