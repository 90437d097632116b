-- Copies of finished files that may have to be deleted again. An upload records them before it
-- makes them, and the rows are deleted when its render is done. The copies of a render that ended
-- otherwise, was deleted or lost its uploader are deleted from their buckets, and once more a while
-- later: a copy that was under way may have arrived after the first time.
create table if not exists loom.copies (
  bucket     text not null,
  key        text not null,
  -- No reference: they outlive a render that is deleted.
  task_id    uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  -- When they were deleted the first time.
  deleted_at timestamptz,
  primary key (bucket, key)
);
create index if not exists copies_task on loom.copies (task_id);
alter table loom.copies enable row level security;
revoke all on loom.copies from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.copies from %I', v_role);
    end if;
  end loop;
end
$$;
