package s3d

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// AddKey makes a user with a policy, a document in the language of AWS's IAM, and returns what a
// client needs to act with the user's key. It may do what the policy allows, and what bucket
// policies allow everybody. The server must have Options.Keys.
func (s *Server) AddKey(ctx context.Context, user, policy string) (store.Config, error) {
	var made struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	for _, step := range []struct {
		parameters url.Values
		answer     any
	}{
		{url.Values{"Action": {"CreateUser"}}, nil},
		{url.Values{"Action": {"PutUserPolicy"}, "PolicyName": {"policy"}, "PolicyDocument": {policy}}, nil},
		{url.Values{"Action": {"CreateAccessKey"}}, &made},
	} {
		step.parameters.Set("UserName", user)
		if err := s.askKeys(ctx, step.parameters, step.answer); err != nil {
			return store.Config{}, fmt.Errorf("add the key of %s: %s: %w", user, step.parameters.Get("Action"), err)
		}
	}
	config := s.Config
	config.AccessKeyID, config.SecretAccessKey = made.ID, made.Secret
	return config, nil
}

// askKeys makes a request to the service of keys, as AWS's IAM takes it.
func (s *Server) askKeys(ctx context.Context, parameters url.Values, answer any) error {
	parameters.Set("Version", "2010-05-08")
	body := parameters.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.keys, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	root := aws.Credentials{AccessKeyID: s.Config.AccessKeyID, SecretAccessKey: s.Config.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, root, request, hex.EncodeToString(sum[:]), "iam", region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s: %s", response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return xml.Unmarshal(text, answer)
}
