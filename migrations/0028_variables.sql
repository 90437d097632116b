-- What differs from one video of a campaign to the next: docs/reference/variables.md.

-- The variables that a campaign declares.
alter table public.campaigns add column if not exists variables jsonb not null default '{}';

-- A render's values for them, by their names: {"first_name": "Ada"}. They are of people: readers
-- and the console have no right to read them (0012_roles.sql).
alter table public.renders add column if not exists variables jsonb not null default '{}';

do $$
declare
  v_table text;
begin
  foreach v_table in array array['campaigns', 'renders'] loop
    if (select col_description(a.attrelid, a.attnum) from pg_attribute a
         where a.attrelid = ('public.' || v_table)::regclass and a.attname = 'variables') is null then
      execute format('comment on column public.%I.variables is %L', v_table, 'loom-lite');
    end if;
  end loop;
end
$$;
