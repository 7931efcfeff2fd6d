// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// dialTimeout is how long a connection to the hub may take to come up. The
// default of 30 s would hold a plan of an unreachable hub for minutes.
const dialTimeout = 10 * time.Second

// maxToken bounds what is read of a token file, in bytes.
const maxToken = 1 << 20

// restConfig returns the client configuration. Throttling in the client is off,
// because priority and fairness protects the server.
func restConfig(cfg Config) (*rest.Config, error) {
	config, err := baseREST(cfg.Settings)
	if err != nil {
		return nil, err
	}
	version := cfg.Version
	if version == "" {
		version = "dev"
	}
	config.UserAgent = "terraform-provider-fairlead/" + version
	config.QPS = -1
	config.Burst = 0
	// Warnings of the server would be printed to standard error by default.
	config.WarningHandler = rest.NoWarnings{}
	config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	return config, nil
}

// baseREST returns where and as whom.
func baseREST(settings Settings) (*rest.Config, error) {
	if settings.Host == "" {
		return kubeconfigREST(settings)
	}
	config := &rest.Config{
		Host:        settings.Host,
		BearerToken: string(settings.Token),
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: settings.TLSServerName,
			Insecure:   settings.Insecure == "true",
			CAData:     []byte(settings.ClusterCACertificate),
			CertData:   []byte(settings.ClientCertificate),
			KeyData:    []byte(settings.ClientKey),
		},
	}
	if settings.TokenPath == "" {
		return config, nil
	}
	if _, err := readToken(settings.TokenPath); err != nil {
		return nil, err
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &tokenFile{path: settings.TokenPath, next: next}
	})
	return config, nil
}

// tokenFile sets the token of a file on each request. The file is read each
// time, because plan and apply may run in different agents, and because
// projected tokens are replaced while a long apply runs.
type tokenFile struct {
	path string
	next http.RoundTripper
}

// RoundTrip sends the request with the token that the file holds now.
func (t *tokenFile) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := readToken(t.path)
	if err != nil {
		return nil, err
	}
	clone := req.Clone(req.Context())
	clone.Header.Set("Authorization", "Bearer "+string(token))
	return t.next.RoundTrip(clone)
}

// readToken reads a token file.
func readToken(path string) (Secret, error) {
	expanded, err := expandHome(path)
	if err != nil {
		return "", err
	}
	file, err := os.Open(expanded)
	if err != nil {
		return "", &ConfigError{Field: keyTokenPath, Summary: "Token file not readable",
			Detail: fmt.Sprintf("The token file %q cannot be read: %s.", path, reason(err))}
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", &ConfigError{Field: keyTokenPath, Summary: "Token file not readable",
			Detail: fmt.Sprintf("The token file %q cannot be read: %s.", path, reason(err))}
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", &ConfigError{Field: keyTokenPath, Summary: "Token file empty",
			Detail: fmt.Sprintf("The token file %q is empty.", path)}
	}
	return Secret(token), nil
}
