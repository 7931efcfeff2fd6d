// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

// loadApplication reads testdata/<name>.yaml.
func loadApplication(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(encoded); err != nil {
		t.Fatal(err)
	}
	return object
}

// checkGolden compares text with testdata/<name>.golden.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFailureTexts(t *testing.T) {
	cases := []struct {
		name, reason string
		interrupted  bool
	}{
		{name: "image-pull", reason: "two of three places are not healthy: each is told of, with what the pods say"},
		{name: "not-progressing", reason: "nothing changes for long: the pods say why, and the wait does not last until the limit"},
		{name: "cluster-away", reason: "what is healthy is delivered, and the cluster that is away is named"},
		{name: "not-admitted", reason: "nothing is delivered, the condition says why"},
		{name: "paused", reason: "one place has the revision, the other does not get it: by what it is paused, and how it is resumed"},
		{name: "slow", reason: "the time is over while a place makes progress"},
		{name: "unseen", reason: "the addon never looked at the revision"},
		{name: "not-delivered-yet", reason: "the addon waits for something before it delivers"},
		{name: "superseded", reason: "another writer put another revision on the application"},
		{name: "deleted", reason: "the application is being deleted"},
		{name: "interrupted", reason: "the user pressed Ctrl-C", interrupted: true},
		{name: "fleet", reason: "more places than can be told of, the unhealthy are among those shown"},
		{name: "hostile", reason: "messages from clusters cannot steer the terminal"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			progress, err := Judge(loadApplication(t, c.name), "0123456789ab")
			if err != nil {
				t.Fatal(err)
			}
			failure := &Failure{
				Target:      Target{Namespace: "shop", Name: "shop", Revision: "0123456789ab"},
				Progress:    progress,
				Waited:      108*time.Second + 300*time.Millisecond,
				Limit:       20 * time.Minute,
				Interrupted: c.interrupted,
			}
			checkGolden(t, c.name, failure.Error()+"\n")
		})
	}
}

func TestFailureOfAnApplicationThatIsGone(t *testing.T) {
	progress, err := Judge(nil, "0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	failure := &Failure{Target: Target{Namespace: "shop", Name: "shop", Revision: "0123456789ab"}, Progress: progress, Waited: time.Second, Limit: time.Minute}
	checkGolden(t, "gone", failure.Error()+"\n")
	failure.Absent = true
	checkGolden(t, "absent", failure.Error()+"\n")
}
