// Package pages serves a campaign's folder to the pipeline for as long as its render runs.
//
// It listens on 127.0.0.1, under a prefix that cannot be guessed, and gives out regular files of
// that folder only: no lists of files, no hidden files, nothing outside it, through symbolic links
// either. Range requests work, as videos need them.
package pages

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// Server serves one folder.
type Server struct {
	root    *os.Root
	base    string
	address string
	server  *http.Server
	ended   chan struct{}
}

// Serve starts to serve the folder dir.
func Serve(dir string) (*Server, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("serve campaign folder: %w", err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("serve campaign folder: %w", err)
	}
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // never fails, by its contract
	prefix := "/" + hex.EncodeToString(secret) + "/"
	address := listener.Addr().String()
	s := &Server{root: root, base: "http://" + address + prefix, address: address, ended: make(chan struct{})}
	s.server = &http.Server{
		Handler:           http.StripPrefix(strings.TrimSuffix(prefix, "/"), http.HandlerFunc(s.serve)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(listener) // ends with Close
	}()
	return s, nil
}

// Base returns the URL of the folder, ending in a slash. Whoever has it can read the folder.
func (s *Server) Base() string { return s.base }

// Address returns the host and port that the server listens on.
func (s *Server) Address() string { return s.address }

// Close ends the server and all of its requests.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.ended
	if err := errors.Join(err, s.root.Close()); err != nil {
		return fmt.Errorf("stop serving the campaign folder: %w", err)
	}
	return nil
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if hidden(name) {
		http.NotFound(w, r)
		return
	}
	file, info, err := s.open(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	if info.IsDir() {
		redirectToSlash(w, r)
		return
	}
	w.Header().Set("Content-Type", contentType(info.Name()))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// The file may be edited and rendered again.
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", info.ModTime(), file)
}

// open opens a regular file, a folder's index.html when name ends in a slash, or a folder that has
// one.
func (s *Server) open(name string) (*os.File, os.FileInfo, error) {
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	// Nothing else than a regular file or a folder: opening a pipe would wait for ever.
	info, err := s.root.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		if index, err := s.root.Stat(path.Join(name, "index.html")); err != nil || !index.Mode().IsRegular() {
			return nil, nil, os.ErrNotExist
		}
	} else if !info.Mode().IsRegular() {
		return nil, nil, os.ErrNotExist
	}
	file, err := s.root.Open(name)
	return file, info, err
}

func hidden(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") {
			return true
		}
	}
	return false
}

// redirectToSlash makes a page's relative links start in its folder.
func redirectToSlash(w http.ResponseWriter, r *http.Request) {
	target := "./" + path.Base(r.URL.EscapedPath()) + "/"
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusMovedPermanently)
}

// types are those of files that pages are made of. The machine's own table may lack or bend some of
// them.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8", ".xhtml": "application/xhtml+xml",
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".txt": "text/plain; charset=utf-8", ".xml": "text/xml; charset=utf-8",
	".md": "text/markdown; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".vtt": "text/vtt; charset=utf-8",
	".wasm": "application/wasm", ".pdf": "application/pdf", ".webmanifest": "application/manifest+json",
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
	".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon", ".apng": "image/apng",
	".woff2": "font/woff2", ".woff": "font/woff", ".ttf": "font/ttf", ".otf": "font/otf",
	".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".mkv": "video/x-matroska",
	".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".aac": "audio/aac", ".ogg": "audio/ogg", ".wav": "audio/wav", ".flac": "audio/flac",
}

func contentType(name string) string {
	extension := strings.ToLower(path.Ext(name))
	if t := types[extension]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(extension); t != "" {
		return t
	}
	return "application/octet-stream"
}
