package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// database is a Postgres of a run's own.
type database struct {
	dir    string
	server *postgresd.Server
	owner  *pgx.Conn
	// scaler is the database's URL, as a member of loom_scaler.
	scaler string
}

func startDatabase(ctx context.Context) (_ *database, err error) {
	installation, err := postgresd.Find(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("%w (make setup installs it)", err)
	}
	account, err := postgresd.ServerAccount()
	if err != nil {
		return nil, err
	}
	d := &database{}
	if d.dir, err = postgresd.Folder("loom-e2e-k8s-postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.stop())
		}
	}()
	cluster := postgresd.Cluster{Installation: installation, Account: account, User: "postgres", Volatile: true, Data: filepath.Join(d.dir, "data")}
	if err := cluster.Init(ctx); err != nil {
		return nil, err
	}
	d.server, err = cluster.Start(ctx, postgresd.Options{
		Settings: postgresd.Volatile, Log: filepath.Join(d.dir, "postgres.log"), Within: patience, Orphaned: syscall.SIGKILL})
	if err != nil {
		return nil, err
	}
	if d.owner, err = pgx.Connect(ctx, d.server.URL("postgres")); err != nil {
		return nil, err
	}
	if _, err := migrations.Apply(ctx, d.owner); err != nil {
		return nil, err
	}
	if _, err := d.owner.Exec(ctx, "create role scaler login in role loom_scaler"); err != nil {
		return nil, err
	}
	u, err := url.Parse(d.server.URL("postgres"))
	if err != nil {
		return nil, err
	}
	u.User = url.User("scaler")
	d.scaler = u.String()
	return d, nil
}

func (d *database) stop() error {
	if d.server != nil {
		_ = d.server.Stop()
	}
	return os.RemoveAll(d.dir)
}

// task adds a task of a render of its own, in this state.
func (d *database) task(ctx context.Context, kind, state string, worker *string) error {
	_, err := d.owner.Exec(ctx, `
		with c as (insert into campaigns (name) values ('load') returning id),
		     r as (insert into renders (campaign_id) select id from c returning id),
		     j as (insert into render_jobs (render_id) select id from r returning id, render_id),
		     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries)
		           select gen_random_uuid(), render_id, id, '{}', 3 from j returning id, render_id)
		insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, worker)
		select gen_random_uuid(), id, render_id, $1::text, 0, '{}', 1, $2::text, $3::text from p`, kind, state, worker)
	return err
}

// begin gives a recorder a task.
func (d *database) begin(ctx context.Context, worker string) error {
	return d.task(ctx, "record", "running", &worker)
}

// end ends all tasks.
func (d *database) end(ctx context.Context) error {
	_, err := d.owner.Exec(ctx, "update loom.tasks set state = 'done'")
	return err
}
