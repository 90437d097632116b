-- A task that draws the watermark. Before, this was part of a probe. Where the check allows such
-- tasks, it stays as it is: a later file may have added other kinds.
do $$
begin
  if not exists (select from pg_constraint
                  where conrelid = 'loom.tasks'::regclass and conname = 'tasks_kind_check'
                    and pg_get_constraintdef(oid) like '%''draw''%') then
    alter table loom.tasks drop constraint if exists tasks_kind_check,
      add constraint tasks_kind_check check (kind in ('record', 'probe', 'draw', 'normalize', 'concat', 'overlay', 'upload'));
  end if;
end
$$;
