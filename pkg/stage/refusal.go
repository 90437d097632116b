package stage

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// refusal is a response of the store that is not a success.
type refusal struct {
	status int
	// code is S3's, such as NoSuchKey; often empty.
	code    string
	expired bool
}

// missing reports whether the object is not there, though its bucket may be.
func (r *refusal) missing() bool {
	return r.code == "NoSuchKey" || r.status == http.StatusNotFound && r.code != "NoSuchBucket"
}

// tooLarge reports whether the store takes no object as large as the one that was to be written.
func (r *refusal) tooLarge() bool {
	return r.status == http.StatusRequestEntityTooLarge || r.code == "EntityTooLarge"
}

// forGood reports whether the store refuses what was to be written for what it is: its bucket takes
// other types of files, say.
func (r *refusal) forGood() bool {
	return r.status == http.StatusUnsupportedMediaType || r.code == "InvalidMimeType" || r.code == "InvalidKey"
}

func (r *refusal) Error() string {
	text := "the store answered " + strconv.Itoa(r.status) + " " + http.StatusText(r.status)
	if r.code != "" {
		text += " (" + r.code + ")"
	}
	return text
}

// refusalCode reads the one element of an S3 error that is safe to show: others repeat the
// request's signature.
func refusalCode(body io.Reader) string {
	var answer struct {
		Code string
	}
	if xml.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&answer) != nil || len(answer.Code) > 64 {
		return ""
	}
	return answer.Code
}

// expired reports whether a presigned URL has expired. A store answers 403 to it, and also when its
// keys are wrong. A new URL helps in the first case, which is not charged; the second is, or it
// would repeat for ever. A URL without a date counts as expired.
func expired(u *url.URL, now time.Time) bool {
	query := u.Query()
	signed, err1 := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	seconds, err2 := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err1 != nil || err2 != nil {
		return true
	}
	// Clocks differ, so the last minute counts as expired.
	return now.After(signed.Add(time.Duration(seconds)*time.Second - time.Minute))
}
