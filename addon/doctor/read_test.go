// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// answers is an API server that knows some paths and refuses or lacks others.
type answers struct {
	byPath map[string]func(w http.ResponseWriter, request *http.Request)

	mu      sync.Mutex
	methods map[string]bool
	pages   []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	a.mu.Lock()
	a.methods[request.Method] = true
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer, ok := a.byPath[request.URL.Path]
	switch {
	case request.URL.Path == "/version" && !ok:
		fmt.Fprint(w, `{"gitVersion":"v1.34.1"}`)
	case ok:
		answer(w, request)
	default:
		fail(w, http.StatusNotFound, "NotFound")
	}
}

func fail(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","reason":%q,"code":%d}`, reason, code)
}

// page answers with the items of a list, and what it says of itself.
func page(items, meta string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"apiVersion":"v1","items":%s,"kind":"List","metadata":{%s},"more":{"x":[1]}}`, items, meta)
	}
}

// readFrom reads a hub that answers so.
func readFrom(t *testing.T, a *answers) (*Hub, error) {
	t.Helper()
	a.methods = map[string]bool{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	reader, err := NewReader(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	hub, err := reader.Read(t.Context())
	if diff := cmp.Diff(map[string]bool{http.MethodGet: true}, a.methods); diff != "" {
		t.Errorf("methods of requests (-want +got):\n%s", diff)
	}
	return hub, err
}

const applicationsPath = "/apis/core.oam.dev/v1beta1/applications"

// TestReadPages checks that lists are read to their end, and begun anew when the hub has forgotten their beginning.
func TestReadPages(t *testing.T) {
	expired := false
	a := &answers{}
	a.byPath = map[string]func(http.ResponseWriter, *http.Request){applicationsPath: func(w http.ResponseWriter, request *http.Request) {
		next := request.URL.Query().Get("continue")
		a.pages = append(a.pages, request.URL.Query().Get("limit")+" from "+next)
		switch {
		case next == "":
			page(`[{"metadata":{"name":"a","managedFields":[{}]},"spec":{"components":[]}},{"metadata":{"name":"b"}}]`, `"continue":"b"`)(w, request)
		case !expired:
			expired = true
			fail(w, http.StatusGone, "Expired")
		default:
			page(`[{"metadata":{"name":"c"},"status":{"status":"running"}}]`, `"continue":""`)(w, request)
		}
	}}
	hub, err := readFrom(t, a)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, app := range hub.Applications {
		got = append(got, app.Metadata.Name+string(app.Status.Phase))
	}
	if diff := cmp.Diff([]string{"a", "b", "crunning"}, got); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"500 from ", "500 from b", "500 from ", "500 from b"}, a.pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// TestReadSelects checks that the hub is asked for no more than what is looked at.
func TestReadSelects(t *testing.T) {
	a := &answers{byPath: map[string]func(http.ResponseWriter, *http.Request){}}
	asked := map[string]string{}
	for path, selector := range map[string]string{
		"/apis/work.open-cluster-management.io/v1/manifestworks": "labelSelector", "/apis/coordination.k8s.io/v1/leases": "fieldSelector",
	} {
		a.byPath[path] = func(w http.ResponseWriter, request *http.Request) {
			asked[selector] = request.URL.Query().Get(selector)
			page(`[]`, ``)(w, request)
		}
	}
	a.byPath["/apis/cluster.open-cluster-management.io/v1/managedclusters"] = page(`[]`, ``) // else OCM is not installed
	if _, err := readFrom(t, a); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"labelSelector": "fairlead.dev/managed-by=fairlead", "fieldSelector": "metadata.name=managed-cluster-lease"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("selectors (-want +got):\n%s", diff)
	}
}

// TestReadRefused checks what becomes of what is not handed out.
func TestReadRefused(t *testing.T) {
	const forbidden, broken, absent = "forbidden", "failed", "absent"
	tests := []struct {
		reason string
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		{"the right is named", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden, "Forbidden") }, forbidden},
		{"a hub that fails is broken", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusInternalServerError, "InternalError") }, broken},
		{"so is one that answers with something else", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<html>`) }, broken},
		{"or with half a list", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[{"metadata":`) }, broken},
		{"an empty list may be null", page(`null`, ``), ""},
		{"the CRDs tell of kinds that are not served", nil, absent},
	}
	for _, test := range tests {
		a := &answers{byPath: map[string]func(http.ResponseWriter, *http.Request){}}
		if test.answer != nil {
			a.byPath[applicationsPath] = test.answer
		}
		hub, err := readFrom(t, a)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u, missing := hub.unread[applicationResource]; missing {
			switch got = broken; {
			case u.forbidden:
				got = forbidden
			case u.absent:
				got = absent
			}
		}
		if got != test.want {
			t.Errorf("got %q, want %q: %s", got, test.want, test.reason)
		}
	}
}

// TestReadNeedsRights checks what is said of an account that may read nothing.
func TestReadNeedsRights(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fail(w, http.StatusForbidden, "Forbidden")
	}))
	t.Cleanup(server.Close)
	reader, err := NewReader(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	reader.Progress = func(what string) { asked = append(asked, what) }
	hub, err := reader.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report := Examine(hub, "1.2.3")
	report.Hub = "https://hub.example.com"
	compare(t, "forbidden.txt", report.Text())
	if len(asked) < len(report.NotChecked)-3 {
		t.Errorf("progress tells of %v alone", asked)
	}
}

// TestReadNoHub checks that a hub that does not answer, or to somebody else, is an error.
func TestReadNoHub(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fail(w, http.StatusUnauthorized, "Unauthorized")
	}))
	t.Cleanup(refusing.Close)
	for _, host := range []string{"http://me:S3CR3T@127.0.0.1:1", refusing.URL} {
		reader, err := NewReader(&rest.Config{Host: host, BearerToken: "S3CR3T"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = reader.Read(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "connect to the hub http://") || strings.Contains(err.Error(), "S3CR3T") {
			t.Errorf("%s: got %v", host, err)
		}
	}
}

// TestReadInTime checks that what there is no time for is told with what was read.
func TestReadInTime(t *testing.T) {
	for limit := 200 * time.Millisecond; ; limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		hub, err := readUntil(t, ctx, func() { <-ctx.Done() })
		cancel()
		if err != nil && limit < time.Minute {
			continue // the machine is too busy to read the version in that time
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(Examine(hub, "")); hub.Kubernetes == "" || len(got) == 0 || got[0] != "error reading: kinds of objects could not be read" {
			t.Errorf("got %v of version %q, want it to be told that objects could not be read", got, hub.Kubernetes)
		}
		return
	}
}

// TestReadEnded checks that a report is not made for somebody who has ended the program.
func TestReadEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := readUntil(t, ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// readUntil reads a hub, and does something when the version has been read.
func readUntil(t *testing.T, ctx context.Context, then func()) (*Hub, error) { //nolint:revive // t is first in tests
	t.Helper()
	server := httptest.NewServer(&answers{methods: map[string]bool{}})
	t.Cleanup(server.Close)
	reader, err := NewReader(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	reader.Progress = func(what string) {
		if what == "CustomResourceDefinitions" {
			then()
		}
	}
	return reader.Read(ctx)
}

// TestHubClock checks that ages are measured by the hub's clock.
func TestHubClock(t *testing.T) {
	const ahead = 3 * time.Hour
	a := &answers{byPath: map[string]func(http.ResponseWriter, *http.Request){"/version": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		fmt.Fprint(w, `{"gitVersion":"v1.34.1"}`)
	}}}
	before := time.Now()
	hub, err := readFrom(t, a)
	if err != nil {
		t.Fatal(err)
	}
	if hub.Now.Before(before.Add(ahead-2*time.Second)) || hub.Now.After(time.Now().Add(ahead+time.Second)) {
		t.Errorf("the hub's time is %s, want about %s", hub.Now, before.Add(ahead))
	}
}
