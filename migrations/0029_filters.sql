-- Indexes for what lists are filtered by and hardly any row has.

-- Renders that have failed with a code, in the order in which they are listed. A render that has
-- not failed is not in it, so what control writes costs the same.
create index if not exists renders_failed on public.renders (error_code, created_at desc, id desc) where error_code is not null;
-- Deliveries by what became of them: few are dead.
create index if not exists webhook_deliveries_state on loom.webhook_deliveries (state, created_at, id);
