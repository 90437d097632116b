package doctor

import (
	"cmp"
	"context"
	"os"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

func chrome(ctx context.Context, environ map[string]string) Finding {
	const what = "Chrome"
	sandbox := environ["CHROME_SANDBOX"] != "off"
	if environ["CHROME_SANDBOX"] == "" && os.Geteuid() == 0 {
		sandbox = false // as loom up does
	}
	found, err := recorder.CheckChrome(ctx, environ["CHROME_PATH"], sandbox)
	if err != nil {
		return missing(what, err, "Debian, Ubuntu: apt-get install chromium-headless-shell; elsewhere: "+
			"npx @puppeteer/browsers install chrome-headless-shell, and set CHROME_PATH")
	}
	version := found.Version
	if found.Mode != msg.ModeExact {
		return Finding{What: what, Verdict: Warning, Found: version + " (" + found.Path + ") is no headless shell",
			Mend: recorder.NoFrameControl}
	}
	if !sandbox {
		return Finding{What: what, Verdict: Warning, Found: version + " draws frames on demand, but runs without its sandbox",
			Mend: "run as a user other than root, and leave CHROME_SANDBOX on"}
	}
	return ok(what, "%s draws frames on demand", version)
}

func ffmpeg(ctx context.Context, environ map[string]string) Finding {
	const what = "FFmpeg"
	version, err := transcoder.CheckFFmpeg(ctx, cmp.Or(environ["FFMPEG_PATH"], "ffmpeg"), cmp.Or(environ["FFPROBE_PATH"], "ffprobe"))
	if err != nil {
		return missing(what, err, "") // which says what to install
	}
	return ok(what, "%s, with every encoder and filter that is used", version)
}
