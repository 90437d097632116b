package preflight

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// maxPicture bounds a picture in bytes: far more than recorders write.
const maxPicture = 2 << 20

// Store has the pictures. A *store.Client is one.
type Store interface {
	Size(ctx context.Context, bucket, key string) (int64, error)
	Download(ctx context.Context, bucket, key, path string) error
}

// Pictures reads the pictures of a preflight's pages from a bucket: nil for pages that have none.
// It stops at the first that cannot be read.
func Pictures(ctx context.Context, from Store, bucket string, pages []Page) (pictures [][]byte, err error) {
	dir, err := os.MkdirTemp("", "loom-preflight-")
	if err != nil {
		return nil, fmt.Errorf("read pictures: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pictures = make([][]byte, len(pages))
	for i, p := range pages {
		if p.PictureKey == "" {
			continue
		}
		data, err := picture(ctx, from, bucket, p.PictureKey, filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return pictures, fmt.Errorf("read the picture of scene %d: %w", p.Scene, err)
		}
		pictures[i] = data
	}
	return pictures, nil
}

func picture(ctx context.Context, from Store, bucket, key, path string) ([]byte, error) {
	// Recorders, which wrote it, run strangers' pages.
	size, err := from.Size(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	if size > maxPicture {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", size, maxPicture)
	}
	if err := from.Download(ctx, bucket, key, path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
