package api

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

func TestTheClientIsOfTheCommittedDocument(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "oapi-codegen", "-config", "../clients/go/api/codegen.yaml", "../docs/reference/openapi.json")
	cmd.Dir, cmd.Env = "../../../tools", append(os.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	generated, err := cmd.Output()
	if err != nil {
		t.Fatalf("oapi-codegen: %v\n%s", err, stderr.Bytes())
	}
	committed, err := os.ReadFile("api.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(generated, committed) {
		t.Error("the document has changed: run make clients")
	}
}
