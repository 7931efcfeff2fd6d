// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// addonUser is the user name of the addon's account.
const addonUser = "system:serviceaccount:" + v1alpha1.SystemNamespace + ":" + addonAccount

// request is what the API server notes of a request.
type request struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	UserAgent string `json:"userAgent"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	} `json:"responseStatus"`
	Received time.Time `json:"requestReceivedTimestamp"`
	Answered time.Time `json:"stageTimestamp"`
}

// isWrite says whether the request was to change something, of whatever outcome.
func (r request) isWrite() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

func (r request) failed() bool { return r.ResponseStatus.Code >= 400 }

// what names verb and resource, such as "update applications/status".
func (r request) what() string {
	return r.Verb + " " + strings.TrimSuffix(r.ObjectRef.Resource+"/"+r.ObjectRef.Subresource, "/")
}

// audit is the audit log of the hub from a point in time on.
type audit struct {
	path   string
	offset int64
	// within says that a line was being written there when it began.
	within bool
}

func (h *hub) auditFromNow(t *testing.T) audit {
	t.Helper()
	path := h.env.Hub().AuditLogPath
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
	return audit{path: path, offset: offset, within: last[0] != '\n'}
}

// each calls visit for every complete entry since the beginning.
func (a audit) each(visit func(request)) error {
	file, err := os.Open(a.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReader(file)
	if a.within {
		if _, err := lines.ReadBytes('\n'); err != nil {
			return nil // the line that was being written when it began is not complete yet
		}
	}
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what follows the last line feed is still being written
		}
		if err != nil {
			return err
		}
		var entry request
		if err := json.Unmarshal(line, &entry); err != nil {
			return fmt.Errorf("decode %q: %w", line, err)
		}
		visit(entry)
	}
}

// addonWrites are the addon's own writes, and those that it makes as a tenant.
func (a audit) addonWrites(t *testing.T) []request {
	t.Helper()
	var writes []request
	err := a.each(func(r request) {
		if r.User.Username == addonUser && r.isWrite() && r.ObjectRef.Resource != "leases" {
			writes = append(writes, r)
		}
	})
	if err != nil {
		t.Fatalf("audit log: %v", err)
	}
	return writes
}

// tally counts requests by verb and resource.
func tally(requests []request) map[string]int {
	counts := map[string]int{}
	for _, r := range requests {
		counts[r.what()]++
	}
	return counts
}

// refusals counts requests that failed by what they were and why.
func refusals(requests []request) map[string]int {
	counts := map[string]int{}
	for _, r := range requests {
		if r.failed() {
			counts[fmt.Sprintf("%s: %d %s", r.what(), r.ResponseStatus.Code, r.ResponseStatus.Reason)]++
		}
	}
	return counts
}
