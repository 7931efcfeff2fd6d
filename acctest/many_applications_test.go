// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

const (
	// manyApplications is how many are created at once.
	manyApplications = 200
	// memoryLimit is what the manager and its children may take at any time, in bytes.
	memoryLimit = 120 << 20
	// quietPeriod is how long nothing may be written once all is well.
	quietPeriod = time.Minute
	// settling is how long the last reports of state may take to be written.
	settling = 10 * time.Second
)

// TestManyApplications creates 200 applications at once: all run, nothing is written any more after that, and the manager
// stays small.
func TestManyApplications(t *testing.T) {
	f := fleetForTest(t, cluster.Options{AuditLog: true}, false)
	hub := hubObjects(t, f.env.Hub())
	create(t, hub, namespaces, "", object(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"many"}}`))
	apps := hub.Resource(applications).Namespace("many")
	began := time.Now()
	createAll(t, apps)
	eventually(t, 5*time.Minute, "all applications to run", func() error { return allRun(t.Context(), apps) })
	t.Logf("%d applications run %s after the first was created", manyApplications, time.Since(began).Round(time.Second))
	f.isQuiet(t)
	if used := peakMemory(t, f.manager.cmd.Process.Pid); used > memoryLimit {
		t.Errorf("manager and children took up to %d MiB, more than %d MiB", used>>20, memoryLimit>>20)
	} else {
		t.Logf("manager and children took up to %d MiB", used>>20)
	}
}

// createAll creates the applications as fast as the API server takes them.
func createAll(t *testing.T, apps dynamic.ResourceInterface) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(20)
	for i := range manyApplications {
		group.Go(func() error {
			app := object(strings.ReplaceAll(`{
				"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "app-N"},
				"spec": {"components": [{
					"name": "web-N", "type": "webservice",
					"properties": {"image": "nginx:1", "ports": [{"port": 80, "expose": true}]},
					"traits": [
						{"type": "scaler", "properties": {"replicas": 1}},
						{"type": "labels", "properties": {"team": "many"}}
					]
				}]}
			}`, "N", strconv.Itoa(i)))
			_, err := apps.Create(ctx, app, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("create applications: %v", err)
	}
}

// allRun says which applications do not run yet.
func allRun(ctx context.Context, apps dynamic.ResourceInterface) error {
	list, err := apps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	running := 0
	last := ""
	for i := range list.Items {
		if nested[string](&list.Items[i], "status", "status") == "running" {
			running++
			continue
		}
		last = fmt.Sprintf("%s: %v", list.Items[i].GetName(), list.Items[i].Object["status"])
	}
	if running != manyApplications {
		return fmt.Errorf("%d of %d run; one that does not is %s", running, manyApplications, last)
	}
	return nil
}

// isQuiet waits until the last reports are written, and checks that the addon writes nothing for a while after that.
func (f *fleet) isQuiet(t *testing.T) {
	t.Helper()
	writes := f.auditFromNow(t)
	quietSince := time.Now()
	eventually(t, patience, "the last reports to be written", func() error {
		events, err := writes.writes()
		if err != nil {
			return err
		}
		if len(events) > 0 {
			writes, quietSince = f.auditFromNow(t), time.Now()
		}
		if time.Since(quietSince) < settling {
			return errors.New("the addon still writes")
		}
		return nil
	})
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for end := time.Now().Add(quietPeriod); time.Now().Before(end); <-ticker.C {
		events, err := writes.writes()
		if err != nil {
			t.Fatal(err)
		}
		if len(events) > 0 {
			t.Fatalf("%d writes while nothing was to be done, the first: %s", len(events), events[0])
		}
	}
}

// peakMemory is how much resident memory a process has had at most, with that of its children now, in bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a process is read from /proc, which only Linux has")
	}
	total := statusField(t, pid, "VmHWM") << 10
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range statuses {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && statusField(t, child, "PPid") == int64(pid) {
			total += statusField(t, child, "VmRSS") << 10
		}
	}
	return total
}

// statusField is a number of a process's status; 0 when the process is gone.
func statusField(t *testing.T, pid int, name string) int64 {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	match := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+)`).FindSubmatch(content)
	if match == nil {
		return 0
	}
	value, err := strconv.ParseInt(string(match[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
