// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func result(name string) *Result {
	return &Result{Digest: name, Objects: []Object{
		{Content: map[string]any{"kind": "Deployment", "metadata": map[string]any{"name": name}, "spec": map[string]any{"replicas": int64(2), "ratio": 0.5}}},
		{Content: map[string]any{"kind": "Service", "spec": map[string]any{"ports": []any{map[string]any{"port": int64(80)}}}}, Trait: "expose", Resource: "service", Stage: "PostDispatch"},
		{Content: map[string]any{"kind": "Odd", "spec": struct{ A int }{1}}},
	}}
}

// TestCacheShares checks that all who use a result at once use the same objects, by
// which others tell that nothing changed.
func TestCacheShares(t *testing.T) {
	c, given := newCache(1<<20), result("web")
	c.put("web", given)
	first, _ := c.get("web")
	if &first.Objects[0] != &given.Objects[0] {
		t.Error("other objects than those in use")
	}
	runtime.KeepAlive(given)
}

// TestCachePacks checks that what nobody uses is there again as it was.
func TestCachePacks(t *testing.T) {
	c := newCache(1 << 20)
	c.put("web", result("web"))
	for range 2 {
		runtime.GC()
		if c.items["web"].Value.(*cached).result.used.Value() != nil {
			t.Error("objects that nobody uses are kept")
		}
		got, ok := c.get("web")
		if diff := cmp.Diff(result("web"), got); diff != "" || !ok {
			t.Errorf("ok %t (-want +got):\n%s", ok, diff)
		}
		again, _ := c.get("web")
		if &again.Objects[0] != &got.Objects[0] {
			t.Error("other objects than those in use")
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	weight := keep(result("web-0")).weight
	c := newCache(10 * weight)
	for i := range 15 {
		c.put(fmt.Sprintf("web-%d", i), result(fmt.Sprintf("web-%d", i%10)))
		c.get("web-0")
	}
	if len(c.items) != 10 || c.order.Len() != 10 || c.weight != 10*weight {
		t.Errorf("%d results of weight %d are kept, want 10 of %d", len(c.items), c.weight, 10*weight)
	}
	if _, ok := c.get("web-0"); !ok {
		t.Error("the result that is used most is gone")
	}
	if _, ok := c.get("web-1"); ok {
		t.Error("the result that was used least is kept")
	}
	c = newCache(3 * weight)
	if c.put("web", result("web")); len(c.items) != 0 {
		t.Error("a result is kept that leaves room for few others")
	}
}
