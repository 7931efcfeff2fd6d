// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	clientauthenticationv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"
)

const (
	// pluginLimit is how long a credential plugin may run. It is less than a
	// request may take, so that the plugin is named when it hangs.
	pluginLimit = 25 * time.Second
	// pluginDelay is how long is waited for what a plugin that was ended has started.
	pluginDelay = time.Second
	// pluginPause is how long a plugin is not run again after it failed, or after
	// what it gave anew was refused: hundreds of objects would each run it.
	pluginPause = 10 * time.Second
	// maxCredential bounds what is read of a plugin's output, in bytes.
	maxCredential = 1 << 20
	// maxComplaint bounds what is shown of a plugin's errors, in bytes.
	maxComplaint = 1 << 10
	// pluginSummary is the summary of every failure of a plugin.
	pluginSummary = "Credential plugin failed"
	// execInfo is the variable that tells a plugin what is wanted.
	execInfo = "KUBERNETES_EXEC_INFO"
)

// pluginCredential is what a plugin gave.
type pluginCredential struct {
	token       Secret
	certificate *tls.Certificate
	// expires is zero for a credential that does not expire.
	expires time.Time
	// obtained is when the plugin gave it.
	obtained time.Time
	// again says that it was asked for because the one before was refused.
	again bool
}

// valid says whether the credential has not expired.
func (c *pluginCredential) valid(now time.Time) bool {
	return c != nil && (c.expires.IsZero() || now.Before(c.expires))
}

// plugin runs a credential plugin and keeps what it gives until that expires.
// It is what client-go has for this purpose, but that it can be interrupted, ends
// after a time, and says what the plugin complained of. The plugin's output is
// the credential: nothing of it is ever part of an error.
type plugin struct {
	command  string
	args     []string
	env      []string
	version  string
	hint     string
	field    string
	limit    time.Duration
	clock    clock.PassiveClock
	turn     chan struct{}
	current  *pluginCredential
	failure  error
	failedAt time.Time
	// rotated is called when another client certificate is to be used.
	rotated func()
}

// newPlugin returns the plugin that the configuration names; field is the
// attribute that it comes from, if it is one.
func newPlugin(config *rest.Config, field string) (*plugin, error) {
	provider := config.ExecProvider
	if provider.InteractiveMode == clientcmdapi.AlwaysExecInteractiveMode {
		return nil, &ConfigError{Field: field, Summary: pluginSummary,
			Detail: fmt.Sprintf("The credential plugin %q wants to ask on a terminal (interactiveMode: Always), and Terraform has none for it. Log in beforehand, or use another credential.", provider.Command)}
	}
	if !slices.Contains(execVersions(), provider.APIVersion) {
		return nil, &ConfigError{Field: field, Summary: pluginSummary,
			Detail: fmt.Sprintf("The credential plugin %q speaks %q; known are %s. Upgrade it and its kubeconfig.", provider.Command, provider.APIVersion, strings.Join(execVersions(), ", "))}
	}
	info, err := pluginInfo(config)
	if err != nil {
		return nil, &ConfigError{Field: field, Summary: pluginSummary, Detail: fmt.Sprintf("What the credential plugin %q is to know of the cluster: %s.", provider.Command, err)}
	}
	p := &plugin{
		command: provider.Command,
		args:    provider.Args,
		version: provider.APIVersion,
		hint:    provider.InstallHint,
		field:   field,
		limit:   pluginLimit,
		clock:   clock.RealClock{},
		turn:    make(chan struct{}, 1),
		rotated: func() {},
	}
	for _, variable := range provider.Env {
		p.env = append(p.env, variable.Name+"="+variable.Value)
	}
	p.env = append(p.env, execInfo+"="+info)
	return p, nil
}

// pluginInfo is what is told to the plugin: that nobody answers questions, and
// if it wants to know, which server the credential is for.
func pluginInfo(config *rest.Config) (string, error) {
	// Both versions have the same fields.
	request := clientauthenticationv1.ExecCredential{}
	request.APIVersion, request.Kind = config.ExecProvider.APIVersion, "ExecCredential"
	if config.ExecProvider.ProvideClusterInfo {
		cluster, err := rest.ConfigToExecCluster(config)
		if err != nil {
			return "", err
		}
		request.Spec.Cluster = &clientauthenticationv1.Cluster{}
		if err := clientauthenticationv1.Convert_clientauthentication_Cluster_To_v1_Cluster(cluster, request.Spec.Cluster, nil); err != nil {
			return "", err
		}
	}
	encoded, err := json.Marshal(request)
	return string(encoded), err
}

// get returns the credential to use, and runs the plugin if there is none.
func (p *plugin) get(ctx context.Context) (*pluginCredential, error) {
	return p.obtain(ctx, nil)
}

// replace returns another credential than the one that was refused, nil if
// there is none.
func (p *plugin) replace(ctx context.Context, refused *pluginCredential) (*pluginCredential, error) {
	fresh, err := p.obtain(ctx, refused)
	if fresh == refused {
		return nil, err
	}
	return fresh, err
}

// obtain runs the plugin unless there is a credential that is valid and is not
// the refused one. Who comes meanwhile waits for it.
func (p *plugin) obtain(ctx context.Context, refused *pluginCredential) (*pluginCredential, error) {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.turn }()
	now := p.clock.Now()
	if p.current.valid(now) && p.keeps(refused, now) {
		return p.current, nil
	}
	if p.failure != nil && now.Before(p.failedAt.Add(pluginPause)) {
		return nil, p.failure
	}
	fresh, err := p.run(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p.failure, p.failedAt = err, now
	if err != nil {
		return nil, err
	}
	fresh.obtained, fresh.again = now, refused != nil
	previous := p.current
	p.current = fresh
	if previous != nil && !sameCertificate(previous.certificate, fresh.certificate) {
		p.rotated()
	}
	return fresh, nil
}

// keeps says whether the current credential stays although one was refused:
// because it is another one, or because it was obtained for that reason just now.
func (p *plugin) keeps(refused *pluginCredential, now time.Time) bool {
	return refused != p.current || p.current.again && now.Before(p.current.obtained.Add(pluginPause))
}

// sameCertificate says whether two certificates, each of which may be nil, are the same.
func sameCertificate(a, b *tls.Certificate) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(a.Certificate, b.Certificate, slices.Equal)
}

// run runs the plugin.
func (p *plugin) run(ctx context.Context) (*pluginCredential, error) {
	bounded, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	// The user configures which program gives the credential: that is what it is for.
	cmd := exec.CommandContext(bounded, p.command, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.WaitDelay = pluginDelay
	output, complaints := &head{limit: maxCredential}, &tail{limit: maxComplaint}
	cmd.Stdout, cmd.Stderr = output, complaints
	err := cmd.Run()
	if err != nil {
		return nil, p.failed(bounded, err, complaints)
	}
	given, problem := p.parse(output)
	if problem != "" {
		return nil, p.problem(problem + complaints.quoted(""))
	}
	return given, nil
}

// silent is what is said of a plugin that said nothing.
const silent = ", and said nothing"

// failed explains why the plugin did not end well.
func (p *plugin) failed(ctx context.Context, err error, complaints *tail) error {
	var start *exec.Error
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return p.problem(fmt.Sprintf("did not end within %s%s", p.limit, complaints.quoted(silent)))
	case errors.As(err, &start):
		text := fmt.Sprintf("cannot be started where Terraform runs: %s", strings.TrimSuffix(start.Err.Error(), "."))
		if p.hint != "" {
			text += ". Its kubeconfig says:\n" + printable(p.hint)
		}
		return p.problem(text)
	case errors.As(err, &exit):
		return p.problem(fmt.Sprintf("failed (%s)%s", exit.ProcessState, complaints.quoted(silent)))
	}
	return p.problem(fmt.Sprintf("cannot be run where Terraform runs: %s%s", reason(err), complaints.quoted(silent)))
}

// problem is the error of the plugin.
func (p *plugin) problem(text string) error {
	end := "."
	if strings.Contains(text, "\n") {
		end = ""
	}
	return &ConfigError{Field: p.field, Summary: pluginSummary, Detail: fmt.Sprintf("The credential plugin %q %s%s", p.command, text, end)}
}

// parse reads what the plugin gave, or says what is wrong with it, without any of it.
func (p *plugin) parse(output *head) (given *pluginCredential, problem string) {
	var answer clientauthenticationv1.ExecCredential
	if output.more || json.Unmarshal(output.content, &answer) != nil || answer.Kind != "ExecCredential" {
		return nil, "printed something that is no ExecCredential in JSON"
	}
	if answer.APIVersion != p.version {
		return nil, fmt.Sprintf("printed an ExecCredential of another version than %s, which it is configured for", p.version)
	}
	status := answer.Status
	if status == nil || status.Token == "" && status.ClientCertificateData == "" && status.ClientKeyData == "" {
		return nil, "printed an ExecCredential without a token or a certificate"
	}
	given = &pluginCredential{token: Secret(status.Token)}
	if status.ExpirationTimestamp != nil {
		given.expires = status.ExpirationTimestamp.Time
	}
	if status.ClientCertificateData == "" && status.ClientKeyData == "" {
		return given, ""
	}
	pair, err := tls.X509KeyPair([]byte(status.ClientCertificateData), []byte(status.ClientKeyData))
	if err != nil {
		return nil, "printed a certificate and a key that do not belong together"
	}
	given.certificate = &pair
	return given, ""
}

// head keeps the beginning of what is written to it.
type head struct {
	limit   int
	content []byte
	more    bool
}

// Write keeps what fits. What does not fit is dropped, so that the writer goes on.
func (h *head) Write(p []byte) (int, error) {
	room := h.limit - len(h.content)
	h.more = h.more || len(p) > room
	h.content = append(h.content, p[:min(room, len(p))]...)
	return len(p), nil
}

// tail keeps the end of what is written to it: programs say last what went wrong.
type tail struct {
	limit   int
	content []byte
	more    bool
}

// Write keeps the end of what it got so far.
func (t *tail) Write(p []byte) (int, error) {
	t.content = append(t.content, p[max(0, len(p)-t.limit):]...)
	if over := len(t.content) - t.limit; over > 0 || len(p) > t.limit {
		t.content, t.more = slices.Delete(t.content, 0, max(0, over)), true
	}
	return len(p), nil
}

// quoted is what was written as the end of a message, each line indented, or
// nothing if nothing was written.
func (t *tail) quoted(nothing string) string {
	text := strings.TrimSpace(printable(string(t.content)))
	if text == "" {
		return nothing
	}
	if t.more {
		text = "... " + text
	}
	return ". It said:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// sequences are what programs write to colour text or to move the cursor.
var sequences = regexp.MustCompile("\x1b(\\[[0-?]*[ -/]*[@-~]|\\][^\x07]*(\x07|$)|.)")

// printable drops what would move the cursor or change colours on a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return -1
	}, sequences.ReplaceAllString(strings.ToValidUTF8(text, ""), ""))
}
