package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/pictures"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// scenePicture answers with the last picture of a scene that is being recorded. Recorders send them
// while somebody asks.
func (s *Server) scenePicture(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	scene, err := strconv.Atoi(r.PathValue("scene"))
	if err != nil || scene < 1 {
		return errNoPage
	}
	p, err := s.cfg.Pictures.OfScene(r.Context(), id, scene)
	if errors.Is(err, pictures.ErrNone) {
		// Nothing is wrong: it comes, or the scene is recorded.
		r.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "image/jpeg")
	_, _ = r.w.Write(p.JPEG)
	return nil
}

// bundle leads to a failure bundle: that of an attempt of a task, or the one that explains best why
// the render failed. Who follows it may read that object, for a while.
func (s *Server) bundle(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	report, err := renders.Read(r.Context(), s.cfg.DB, id)
	if err != nil {
		return err
	}
	key := bundleKey(report.Tasks, r.URL.Query().Get("task"), r.URL.Query().Get("attempt"))
	if key == nil {
		return &refusal{status: http.StatusNotFound, title: "There is no failure bundle", text: "No scene of this render failed, or what there was is deleted."}
	}
	signed, err := s.cfg.Store.Sign(r.Context(), s.cfg.WorkBucket, *key, signedFor)
	if err != nil {
		return err
	}
	http.Redirect(r.w, r.Request, signed, http.StatusSeeOther)
	return nil
}

func bundleKey(tasks []renders.Task, task, attempt string) *string {
	if task == "" {
		if _, best, found := renders.Bundle(tasks); found {
			return best.BundleKey
		}
		return nil
	}
	id, err := uuid.Parse(task)
	if err != nil {
		return nil
	}
	for _, t := range tasks {
		for _, a := range t.Attempts {
			if t.ID == id && strconv.Itoa(a.Attempt) == attempt {
				return a.BundleKey
			}
		}
	}
	return nil
}
