package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../../"

// load reads compose files as `docker compose` does: it checks them against the schema, too.
func load(t *testing.T, environ []string, files ...string) *types.Project {
	t.Helper()
	for i, file := range files {
		files[i] = filepath.Join(root, "deploy", file)
	}
	options, err := cli.NewProjectOptions(files, cli.WithEnv(environ), cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// ours are the services that we build.
func ours(project *types.Project) []types.ServiceConfig {
	var list []types.ServiceConfig
	for _, s := range project.Services {
		if s.Build != nil {
			list = append(list, s)
		}
	}
	return list
}

func TestComposeHasNoSecretsAndNoLatestVersions(t *testing.T) {
	project := load(t, nil, "compose.yml")
	for name, s := range project.Services {
		tag := regexp.MustCompile(`:([\w.-]+)$`).FindStringSubmatch(s.Image)
		if tag == nil || tag[1] == "latest" || s.Build == nil && !regexp.MustCompile(`\d`).MatchString(tag[1]) {
			t.Errorf("%s: the image %s has no version", name, s.Image)
		}
		for variable, value := range s.Environment {
			secret := regexp.MustCompile(`(PASSWORD|SECRET|_KEY)(_ID)?$`).MatchString(variable)
			if value != nil && (secret && *value != "" || strings.Contains(*value, "://") && strings.Contains(*value, ":loom@")) {
				t.Errorf("%s: %s is a secret, and has the value %q", name, variable, *value)
			}
		}
	}
	dockerfile := read(t, "deploy/Dockerfile")
	for _, m := range regexp.MustCompile(`(?m)^FROM (\S+:\S+)`).FindAllStringSubmatch(dockerfile, -1) {
		if strings.HasSuffix(m[1], ":latest") {
			t.Errorf("the Dockerfile begins with %s", m[1])
		}
	}
	if m := regexp.MustCompile(`(?m)^ARG GOPROXY=\S+`).FindString(dockerfile); m != "" {
		t.Errorf("the Dockerfile names a module proxy: %s", m)
	}
}

// Whoever mistypes a setting in compose.yml has it ignored.
func TestComposeSetsOnlyWhatServicesRead(t *testing.T) {
	known := map[string]bool{"S3_KEYS_ENDPOINT": true, "LOOM_CONSOLE_URL": true, "GRAFANA_PASSWORD": true, "POSTGRES_PASSWORD": true,
		// OpenTelemetry's.
		"OTEL_EXPORTER_OTLP_ENDPOINT": true, "OTEL_EXPORTER_OTLP_HEADERS": true, "OTEL_TRACES_SAMPLER": true, "OTEL_TRACES_SAMPLER_ARG": true}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z][A-Z0-9_]*)=`).FindAllStringSubmatch(read(t, ".env.example"), -1) {
		known[m[1]], known[m[1]+"_FILE"] = true, true
	}
	supabase := []string{"DATABASE_URL=u", "S3_ENDPOINT=e", "S3_REGION=r", "S3_ACCESS_KEY_ID=i", "S3_SECRET_ACCESS_KEY=s", "SUPABASE_URL=u"}
	for _, project := range []*types.Project{load(t, nil, "compose.yml"), load(t, supabase, "compose.yml", "compose.supabase.yml")} {
		for _, s := range ours(project) {
			for variable := range s.Environment {
				if !known[variable] {
					t.Errorf("%s sets %s, which .env.example does not have", s.Name, variable)
				}
			}
		}
	}
}

func TestContainersMayDoNoMoreThanTheyNeed(t *testing.T) {
	project := load(t, nil, "compose.yml")
	for name, s := range project.Services {
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
			t.Errorf("%s may change its root file system, or has rights of the kernel", name)
		}
		if s.MemLimit == 0 || s.PidsLimit == 0 {
			t.Errorf("%s has no limit of memory or of processes", name)
		}
		if s.Logging == nil || s.Logging.Options["max-size"] == "" {
			t.Errorf("%s: its log grows without end", name)
		}
		if s.Build == nil && s.User == "" && !slices.Contains([]string{"prometheus", "grafana"}, name) {
			t.Errorf("%s runs as its image's user, which may be root", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes a port to everybody", name)
			}
		}
	}
	// Whom a worker reaches: what is in a network with it.
	for _, worker := range []string{"recorder", "transcoder"} {
		networks := project.Services[worker].Networks
		for name, s := range project.Services {
			allowed := slices.Contains([]string{worker, "nats", "s3", "prometheus"}, name)
			for network := range s.Networks {
				if _, shared := networks[network]; shared && !allowed {
					t.Errorf("the %s reaches %s by the network %s", worker, name, network)
				}
			}
		}
		for _, volume := range project.Services[worker].Volumes {
			if !slices.Contains([]string{"keys-" + worker, "record", "transcode"}, volume.Source) {
				t.Errorf("the %s sees the volume %s", worker, volume.Source)
			}
		}
	}
	recorder := project.Services["recorder"]
	if on := recorder.Environment["CHROME_SANDBOX"]; on == nil || *on != "on" || !strings.Contains(strings.Join(recorder.SecurityOpt, " "), "seccomp-chrome.json") {
		t.Error("Chrome has no sandbox")
	}
}

// A worker that is stopped has DRAIN_TIMEOUT to finish what it has.
func TestComposeWaitsLongerThanTheDrain(t *testing.T) {
	for _, s := range ours(load(t, nil, "compose.yml")) {
		if s.Environment["DRAIN_TIMEOUT"] == nil {
			continue
		}
		drain, err := time.ParseDuration(*s.Environment["DRAIN_TIMEOUT"])
		if err != nil || s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= drain {
			t.Errorf("%s is killed after %v, and drains for %v, %v", s.Name, s.StopGracePeriod, drain, err)
		}
	}
}

// Both run on one machine, as the README has it.
func TestComposeAndLoomUpUseOtherPorts(t *testing.T) {
	taken := []string{"54320", "4222", "7070", "3100", "3101", "3102", "3103", "3104", "3200"}
	for name, s := range load(t, nil, "compose.yml").Services {
		for _, port := range s.Ports {
			if slices.Contains(taken, port.Published) {
				t.Errorf("%s publishes %s, which loom up uses", name, port.Published)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(root + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
