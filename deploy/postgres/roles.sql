-- Roles that services log in with, as members of the groups that `loom migrate` makes. psql's
-- variables ingest, uploader and console are their passwords.
select format('create role %I login', n.name)
  from unnest(array['ingest', 'uploader', 'console']) as n (name)
 where not exists (select from pg_roles r where r.rolname = n.name) \gexec
alter role ingest password :'ingest';
alter role uploader password :'uploader';
alter role console password :'console';
grant loom_ingest to ingest;
grant loom_uploader to uploader;
grant loom_console to console;
