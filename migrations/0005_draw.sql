-- A task that draws the watermark, which was a probe's work before.
alter table loom.tasks drop constraint if exists tasks_kind_check,
  add constraint tasks_kind_check check (kind in ('record', 'probe', 'draw', 'normalize', 'concat', 'overlay', 'upload'));
