package bundle

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Names of a bundle's files.
const (
	PictureFile = "last.jpg"
	ConsoleFile = "console.txt"
	NetworkFile = "network.har"
	ReportFile  = "report.json"
)

// Write writes the bundle of a recording that failed to the file at path. If it returns an error,
// there is no file.
func (d *Diagnostics) Write(path string, failed error) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("write the failure bundle: %w", err)
	}
	if err = errors.Join(d.write(file, failed, time.Now()), file.Close()); err != nil {
		return fmt.Errorf("write the failure bundle: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func (d *Diagnostics) write(to io.Writer, failed error, now time.Time) error {
	r, err := d.report(failed, now)
	if err != nil {
		return err
	}
	archive := zip.NewWriter(to)
	add := func(name string, method uint16, write func(io.Writer) error) error {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: now})
		if err != nil {
			return err
		}
		return write(entry)
	}
	d.mu.Lock()
	picture := d.picture
	d.mu.Unlock()
	if len(picture) > 0 {
		err = add(PictureFile, zip.Store, func(to io.Writer) error {
			_, err := to.Write(picture)
			return err
		})
	}
	name, version, _ := strings.Cut(r.Chrome, "/")
	return errors.Join(
		err,
		add(ReportFile, zip.Deflate, func(to io.Writer) error {
			encoder := json.NewEncoder(to)
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			return encoder.Encode(r)
		}),
		add(ConsoleFile, zip.Deflate, d.console.write),
		add(NetworkFile, zip.Deflate, func(to io.Writer) error {
			return d.network.write(to, harProgram{"loom", r.Loom}, harProgram{name, version}, now)
		}),
		archive.Close(),
	)
}
