package measure

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// pagesHost is where pages are served. The egress policy must allow it.
const pagesHost = "127.0.0.1"

// Site serves pages, and files of a folder, on loopback.
type Site struct {
	server *http.Server
	url    string
	dir    string
	served chan struct{}
}

// NewSite serves the files of pages. The caller must Close it.
func NewSite(pages fs.FS) (*Site, error) {
	dir, err := os.MkdirTemp("", "bench-site-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(pagesHost, "0"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve pages: %w", err), os.RemoveAll(dir))
	}
	s := &Site{url: "http://" + listener.Addr().String(), dir: dir, served: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("GET /pages/", http.StripPrefix("/pages/", http.FileServerFS(pages)))
	mux.Handle("GET /files/", http.StripPrefix("/files/", http.FileServer(http.Dir(dir))))
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener)
	}()
	return s, nil
}

// Page returns the URL of a page.
func (s *Site) Page(name string) string { return s.url + "/pages/" + name + ".html" }

// folder makes a folder whose files are served below url.
func (s *Site) folder() (dir, url string, err error) {
	dir, err = os.MkdirTemp(s.dir, "scene-")
	if err != nil {
		return "", "", fmt.Errorf("make a folder: %w", err)
	}
	return dir, s.url + "/files/" + filepath.Base(dir), nil
}

// Close stops the server and removes what is left in its folders.
func (s *Site) Close() error {
	err := s.server.Close()
	<-s.served
	return errors.Join(err, os.RemoveAll(s.dir))
}
