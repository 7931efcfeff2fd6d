// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// addonUser is the user name of the addon's account.
const addonUser = "system:serviceaccount:" + v1alpha1.SystemNamespace + ":" + addonAccount

// auditEvent is what an API server notes of a request.
type auditEvent struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	RequestURI               string `json:"requestURI"`
	UserAgent                string `json:"userAgent"`
	RequestReceivedTimestamp string `json:"requestReceivedTimestamp"`
}

// String names the request for a person.
func (e auditEvent) String() string {
	ref := e.ObjectRef
	text := fmt.Sprintf("%s %s %s/%s", e.Verb, strings.TrimSuffix(ref.Resource+"/"+ref.Subresource, "/"), ref.Namespace, ref.Name)
	if as := e.ImpersonatedUser.Username; as != "" {
		text += " as " + as
	}
	return fmt.Sprintf("%s %s (%d)", e.RequestReceivedTimestamp, text, e.ResponseStatus.Code)
}

// isWrite says whether the request was to change something, of whatever outcome.
func (e auditEvent) isWrite() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb)
}

// changed says whether the request was to change something, and could. What the API
// server refuses, as what was computed from a version that is no longer the last, does
// nothing.
func (e auditEvent) changed() bool {
	return e.isWrite() && e.ResponseStatus.Code < http.StatusMultipleChoices
}

// audit is the audit log of a hub from a point in time on.
type audit struct {
	path   string
	offset int64
	// within says that a line was being written there when it began.
	within bool
}

// auditFromNow returns the audit log of what comes.
func (f *fleet) auditFromNow(t *testing.T) *audit {
	t.Helper()
	return auditFromNow(t, f.env.Hub())
}

// auditFromNow returns the audit log of a hub from now on.
func auditFromNow(t *testing.T, plane *cluster.ControlPlane) *audit {
	t.Helper()
	path := plane.AuditLogPath
	file, err := os.Open(path)
	if err != nil {
		t.Fatalf("audit log: %v", err)
	}
	defer func() { _ = file.Close() }()
	offset, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatalf("audit log: %v", err)
	}
	last := []byte{'\n'}
	if _, err := file.ReadAt(last, max(offset-1, 0)); offset > 0 && err != nil {
		t.Fatalf("audit log: %v", err)
	}
	return &audit{path: path, offset: offset, within: last[0] != '\n'}
}

// events returns the complete entries since the beginning.
func (a *audit) events() ([]auditEvent, error) {
	file, err := os.Open(a.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return nil, err
	}
	var events []auditEvent
	lines := bufio.NewReader(file)
	if a.within {
		if _, err := lines.ReadBytes('\n'); err != nil {
			return nil, nil // the line that was being written when it began is not complete yet
		}
	}
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return events, nil // what follows the last line feed is still being written
		}
		if err != nil {
			return nil, err
		}
		var event auditEvent
		if err := json.Unmarshal(bytes.TrimSpace(line), &event); err != nil {
			return nil, fmt.Errorf("decode %q: %w", line, err)
		}
		events = append(events, event)
	}
}

// writes returns the addon's own writes, and those that it makes as a tenant.
func (a *audit) writes() ([]auditEvent, error) {
	events, err := a.events()
	return slices.DeleteFunc(events, func(e auditEvent) bool {
		return e.User.Username != addonUser || !e.isWrite() || e.ObjectRef.Resource == "leases"
	}), err
}

// written counts the addon's writes to the spec of objects of a resource that came
// through, as "namespace/name".
func (a *audit) written(t *testing.T, resource string) map[string]int {
	t.Helper()
	writes, err := a.writes()
	if err != nil {
		t.Fatalf("audit log: %v", err)
	}
	counts := map[string]int{}
	for _, write := range writes {
		if write.changed() && write.ObjectRef.Resource == resource && write.ObjectRef.Subresource == "" {
			counts[write.ObjectRef.Namespace+"/"+write.ObjectRef.Name]++
		}
	}
	return counts
}

// ofProvider returns the requests of the provider.
func (a *audit) ofProvider(t *testing.T) []auditEvent {
	t.Helper()
	events, err := a.events()
	if err != nil {
		t.Fatalf("audit log: %v", err)
	}
	return slices.DeleteFunc(events, func(e auditEvent) bool { return !strings.HasPrefix(e.UserAgent, "terraform-provider-fairlead/") })
}
