// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPerCluster(t *testing.T) {
	cases := []struct {
		name, reason string
		clusters     []string
		want         map[string][]int
	}{
		{"nothing", "there is nothing to call for", nil, map[string][]int{}},
		{"one cluster", "its items come in order", []string{"a", "a", "a"}, map[string][]int{"a": {0, 1, 2}}},
		{"several clusters", "the items of each come in order, wherever they stand", []string{"a", "b", "a", "c", "b"}, map[string][]int{"a": {0, 2}, "b": {1, 4}, "c": {3}}},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			got := map[string][]int{}
			errs := new(lanes).perCluster(t.Context(), tt.clusters, func(i int) error {
				mu.Lock()
				defer mu.Unlock()
				got[tt.clusters[i]] = append(got[tt.clusters[i]], i)
				return fmt.Errorf("item %d", i)
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
			for i, err := range errs {
				if want := fmt.Sprintf("item %d", i); err == nil || err.Error() != want {
					t.Errorf("error %d is %v, want %q", i, err, want)
				}
			}
		})
	}
}

// TestPerClusterWaitsForNoOther lets one cluster wait until all others are done: with less at once than there are clusters
// that works only when it holds up nothing but itself.
func TestPerClusterWaitsForNoOther(t *testing.T) {
	clusters := []string{"slow"}
	for i := range 3 * atOnce {
		clusters = append(clusters, fmt.Sprintf("c%d", i))
	}
	var others sync.WaitGroup
	others.Add(len(clusters) - 1)
	new(lanes).perCluster(t.Context(), clusters, func(i int) error {
		if i == 0 {
			others.Wait()
			return nil
		}
		others.Done()
		return nil
	})
}

func TestPerClusterSurvivesAPanic(t *testing.T) {
	errs := new(lanes).perCluster(t.Context(), []string{"a", "b"}, func(i int) error {
		if i == 0 {
			return fmt.Errorf("item %d", []int{}[i])
		}
		return errors.New("no panic")
	})
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "panic: ") {
		t.Errorf("the item that panics has error %v, want one that says so", errs[0])
	}
	if errs[1] == nil || errs[1].Error() != "no panic" {
		t.Errorf("the other has error %v, want its own", errs[1])
	}
}

// TestLanes lets several applications work on many clusters at the same time: together they have no more lanes than
// one, while what is on one cluster alone waits for none.
func TestLanes(t *testing.T) {
	var shared lanes
	var under, most atomic.Int32
	var filled atomic.Bool
	full, alone := make(chan struct{}), make(chan struct{})
	clusters := make([]string, atOnce)
	for i := range clusters {
		clusters[i] = fmt.Sprintf("c%d", i)
	}
	var applications sync.WaitGroup
	for range 3 {
		applications.Go(func() {
			shared.perCluster(t.Context(), clusters, func(int) error {
				now := under.Add(1)
				defer under.Add(-1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				if now == atOnce && filled.CompareAndSwap(false, true) {
					close(full)
				}
				<-alone
				return nil
			})
		})
	}
	<-full
	shared.perCluster(t.Context(), []string{"local"}, func(int) error { close(alone); return nil })
	applications.Wait()
	if most.Load() != atOnce {
		t.Errorf("%d clusters were worked at the same time, want %d", most.Load(), atOnce)
	}
}
