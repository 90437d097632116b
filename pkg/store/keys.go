package store

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
)

// KeyService keeps users of an object store, their rights and their keys. It takes the requests of
// AWS's IAM, as versitygw's does.
type KeyService struct {
	// Endpoint is its URL.
	Endpoint string
	// Root is a key that may do everything.
	Root Config
}

// Allow makes a user, unless it is there, with a policy and no other rights: a document in the
// language of AWS's IAM.
func (k KeyService) Allow(ctx context.Context, user, policy string) error {
	err := k.ask(ctx, url.Values{"Action": {"CreateUser"}, "UserName": {user}}, nil)
	if err != nil && !strings.Contains(err.Error(), "EntityAlreadyExists") {
		return fmt.Errorf("make user %s: %w", user, err)
	}
	err = k.ask(ctx, url.Values{"Action": {"PutUserPolicy"}, "UserName": {user}, "PolicyName": {"policy"}, "PolicyDocument": {policy}}, nil)
	if err != nil {
		return fmt.Errorf("set the policy of user %s: %w", user, err)
	}
	return nil
}

// NewKey makes a key of a user.
func (k KeyService) NewKey(ctx context.Context, user string) (id, secret string, err error) {
	var made struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := k.ask(ctx, url.Values{"Action": {"CreateAccessKey"}, "UserName": {user}}, &made); err != nil {
		return "", "", fmt.Errorf("make a key of user %s: %w", user, err)
	}
	return made.ID, made.Secret, nil
}

// ask makes a request.
func (k KeyService) ask(ctx context.Context, parameters url.Values, answer any) error {
	parameters.Set("Version", "2010-05-08")
	body := parameters.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, k.Endpoint, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	root := aws.Credentials{AccessKeyID: k.Root.AccessKeyID, SecretAccessKey: k.Root.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, root, request, hex.EncodeToString(sum[:]), "iam", k.Root.Region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
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
