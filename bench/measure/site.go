package measure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pagesHost is where pages are served; the egress gate must let it through.
const pagesHost = "127.0.0.1"

// Site serves pages, and takes and gives files, on loopback.
type Site struct {
	server *http.Server
	url    string
	root   *os.Root
	dir    string
	served chan struct{}
}

// NewSite serves the files of pages. The caller must Close it.
func NewSite(pages fs.FS) (*Site, error) {
	dir, err := os.MkdirTemp("", "bench-store-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the store's folder: %w", err), os.RemoveAll(dir))
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(pagesHost, "0"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve pages: %w", err), root.Close(), os.RemoveAll(dir))
	}
	s := &Site{url: "http://" + listener.Addr().String(), root: root, dir: dir, served: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("GET /pages/", http.StripPrefix("/pages/", http.FileServerFS(pages)))
	mux.HandleFunc("GET /store/{name...}", s.give)
	mux.HandleFunc("PUT /store/{name...}", s.take)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener)
	}()
	return s, nil
}

// Page returns the URL of a page.
func (s *Site) Page(name string) string { return s.url + "/pages/" + name + ".html" }

// Store returns the URL of the store.
func (s *Site) Store() string { return s.url + "/store" }

// fileName makes one name of a path below the store: what is stored lies in one folder.
func fileName(name string) string { return strings.ReplaceAll(name, "/", "~") }

// path is where the file called name is, for programs that read and write it in its place.
func (s *Site) path(name string) string { return filepath.Join(s.dir, fileName(name)) }

func (s *Site) give(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, s.root.FS(), fileName(r.PathValue("name")))
}

func (s *Site) take(w http.ResponseWriter, r *http.Request) {
	file, err := s.root.Create(fileName(r.PathValue("name")))
	if err == nil {
		_, err = io.Copy(file, r.Body)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// Empty forgets what was stored.
func (s *Site) Empty() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("empty the store: %w", err)
	}
	for _, f := range files {
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil {
			return fmt.Errorf("empty the store: %w", err)
		}
	}
	return nil
}

// Close ends it.
func (s *Site) Close() error {
	err := s.server.Close()
	<-s.served
	return errors.Join(err, s.root.Close(), os.RemoveAll(s.dir))
}
