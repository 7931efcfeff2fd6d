// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// firstChange watches an object, from the version on that is given, and notes when it first is what is looked for. The
// returned function waits for that moment. Unlike polling it sees also what lasts for a few milliseconds.
func (f *fleet) firstChange(t *testing.T, name string, kind schema.GroupVersionResource, from *unstructured.Unstructured, is func(*unstructured.Unstructured) bool) func(*testing.T, string) time.Time {
	t.Helper()
	watcher, err := f.on(t, name, kind).Namespace(from.GetNamespace()).Watch(t.Context(), metav1.ListOptions{
		FieldSelector:   fields.OneTermEqualSelector("metadata.name", from.GetName()).String(),
		ResourceVersion: from.GetResourceVersion(),
	})
	if err != nil {
		t.Fatalf("watch %s %s: %v", kind.Resource, from.GetName(), err)
	}
	seen := make(chan time.Time, 1)
	go func() {
		defer watcher.Stop()
		for event := range watcher.ResultChan() {
			live, ok := event.Object.(*unstructured.Unstructured)
			if ok && event.Type != watch.Deleted && is(live) {
				seen <- time.Now()
				return
			}
		}
		close(seen)
	}()
	return func(t *testing.T, what string) time.Time {
		t.Helper()
		select {
		case when, ok := <-seen:
			if !ok {
				t.Fatalf("the watch ended before %s", what)
			}
			return when
		case <-time.After(patience):
			t.Fatalf("waited %s for %s", patience, what)
		}
		return time.Time{}
	}
}
